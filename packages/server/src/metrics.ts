import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What /metrics shows. No account, endpoint or URL appears in a label. */
export class Metrics {
  readonly registry = new Registry();
  readonly accepted = new Counter({
    name: 'posthorn_events_accepted_total',
    help: 'Events that were stored and acknowledged by this node',
    registers: [this.registry],
  });
  readonly attempts = new Counter({
    name: 'posthorn_attempts_total',
    help: 'Attempts by outcome: ok, or an error code',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  readonly finished = new Counter({
    name: 'posthorn_deliveries_finished_total',
    help: 'Deliveries that ended, by status',
    labelNames: ['status'],
    registers: [this.registry],
  });
  readonly fenced = new Counter({
    name: 'posthorn_outcomes_fenced_total',
    help: 'Outcomes that came after their lease was lost',
    registers: [this.registry],
  });
  readonly attemptSeconds = new Histogram({
    name: 'posthorn_attempt_seconds',
    help: 'Duration of attempts',
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 20],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** A value that is read when somebody looks. */
  gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        gauge.set(read());
      },
    });
  }
}
