import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Counts on the hot path in plain fields; they become metrics when somebody looks. */
export interface Tally {
  accepted: number;
  fenced: number;
  /** Scheduled events that could not be published. */
  refusedLater: number;
  readonly attempts: Map<string, number>;
  readonly finished: Map<string, number>;
}

/** What /metrics shows. No account, endpoint or URL appears in a label; sources have names of the operator. */
export class Metrics {
  readonly registry = new Registry();
  readonly tally: Tally = { accepted: 0, fenced: 0, refusedLater: 0, attempts: new Map(), finished: new Map() };
  readonly attemptSeconds = new Histogram({
    name: 'posthorn_attempt_seconds',
    help: 'Duration of attempts',
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 20],
    registers: [this.registry],
  });
  readonly firstByteSeconds = new Histogram({
    name: 'posthorn_publish_to_first_byte_seconds',
    help: "From an event's publication to the first byte of the receiver's answer, of first attempts",
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });
  readonly batchSize = new Histogram({
    name: 'posthorn_batch_size',
    help: 'Items per group commit: accept or settle',
    labelNames: ['kind'],
    buckets: [1, 4, 16, 64, 256, 1024],
    registers: [this.registry],
  });
  readonly batchSeconds = new Histogram({
    name: 'posthorn_batch_seconds',
    help: 'Duration of group commits: accept or settle',
    labelNames: ['kind'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers: [this.registry],
  });

  readonly sourceMessages = new Counter({
    name: 'posthorn_source_messages_total',
    help: 'Messages of sources: accepted as events, or kept as dead letters',
    labelNames: ['source', 'outcome'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    const { tally } = this;
    this.counter('posthorn_events_accepted_total', 'Events stored and acknowledged by this node', () => tally.accepted);
    this.counter('posthorn_outcomes_fenced_total', 'Outcomes that came after their lane was lost', () => tally.fenced);
    this.counter(
      'posthorn_scheduled_events_refused_total',
      'Scheduled events, and events published with SQL, that could not be published',
      () => tally.refusedLater,
    );
    this.labelled('posthorn_attempts_total', 'Attempts by outcome: ok, or an error code', 'outcome', tally.attempts);
    this.labelled('posthorn_deliveries_finished_total', 'Deliveries that ended, by status', 'status', tally.finished);
  }

  /** In the Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Values that are asked of the database when somebody looks: the same for every process. */
  asked(name: string, help: string, read: () => Promise<ReadonlyMap<string, number>>, label?: string): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      aggregator: 'max',
      registers: [this.registry],
      async collect(): Promise<void> {
        const values = await read();
        gauge.reset();
        for (const [value, count] of values) {
          if (label === undefined) gauge.set(count);
          else gauge.set({ [label]: value }, count);
        }
      },
    });
  }

  /** A value that is read when somebody looks; of several processes the sum is shown, or the least. */
  gauge(name: string, help: string, read: () => number, aggregator: 'sum' | 'min' = 'sum'): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      aggregator,
      registers: [this.registry],
      collect(): void {
        gauge.set(read());
      },
    });
  }

  private counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  private labelled(name: string, help: string, label: string, counts: ReadonlyMap<string, number>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect(): void {
        counter.reset();
        for (const [value, count] of counts) counter.inc({ [label]: value }, count);
      },
    });
  }
}

export function countUp(counts: Map<string, number>, value: string): void {
  counts.set(value, (counts.get(value) ?? 0) + 1);
}
