import type { Attributes, Span, SpanContext, Tracer } from '@opentelemetry/api';
import type { IdGenerator } from '@opentelemetry/sdk-trace-base';
import { encodeId } from './domain/ids.ts';
import type { SettledAttempt, StoredEvent } from './domain/model.ts';
import { attemptSpanId, parseTraceparent } from './domain/trace-context.ts';

/** Tells what becomes of events to a collector of traces. */
export interface Tracing {
  /** @param traceparent of the publisher's request */
  accepted(event: StoredEvent, traceparent: string | undefined): void;
  attempted(attempt: SettledAttempt): void;
  stop(): Promise<void>;
}

/**
 * Traces by OpenTelemetry, sent over OTLP (HTTP). An event's trace has the event's id: attempts join it on any node, after a
 * restart and days later, and nothing has to be stored for it. The publisher's own trace gets a span, too, and both refer to each
 * other. Where to, how often and with what headers is said by the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_SAMPLER`).
 */
export async function openTracing(version: string): Promise<Tracing> {
  // Read only where traces are wanted: these are megabytes of code.
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = await import('@opentelemetry/api');
  const { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } = await import('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { resourceFromAttributes, defaultResource } = await import('@opentelemetry/resources');

  const ids = new ChosenIds(new RandomIdGenerator());
  const resource = defaultResource().merge(
    resourceFromAttributes({ 'service.name': 'posthorn', 'service.version': version }),
  );
  const provider = new BasicTracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer: Tracer = provider.getTracer('posthorn', version);

  // What the sampler says of an event's trace is asked again with every attempt: it may be another node that asks. Nothing is sent of it.
  const deciderIds = new ChosenIds(new RandomIdGenerator());
  const decider = new BasicTracerProvider({ idGenerator: deciderIds }).getTracer('posthorn', version);

  /** The trace of an event, and the span that all its attempts are below. */
  const ofEvent = (event: StoredEvent): SpanContext => {
    const hex = Buffer.from(event.uuid).toString('hex');
    const own = { traceId: hex, spanId: hex.slice(16) };
    deciderIds.choose(own);
    const { traceFlags } = decider.startSpan('', { root: true }, ROOT_CONTEXT).spanContext();
    return { ...own, traceFlags };
  };
  const attributesOf = (event: StoredEvent): Attributes => ({
    'messaging.system': 'posthorn',
    'messaging.message.id': event.externalId ?? event.id,
    'posthorn.account': event.accountId,
    'posthorn.trigger': event.trigger,
  });

  return {
    accepted(event, traceparent) {
      const own = ofEvent(event);
      const attributes = attributesOf(event);
      const publisher = traceparent === undefined ? undefined : parseTraceparent(traceparent);
      const options = { startTime: event.createdAtMs, attributes };
      let inPublisher: Span | undefined;
      if (publisher) {
        const parent = trace.setSpanContext(ROOT_CONTEXT, { ...publisher, isRemote: true });
        const links = [{ context: own }];
        inPublisher = tracer.startSpan(
          `publish ${event.trigger}`,
          { ...options, kind: SpanKind.PRODUCER, links },
          parent,
        );
        inPublisher.end();
      }
      const links = inPublisher ? [{ context: inPublisher.spanContext() }] : [];
      ids.choose(own);
      const root = { ...options, kind: SpanKind.PRODUCER, links, root: true };
      tracer.startSpan(`event ${event.trigger}`, root, ROOT_CONTEXT).end();
    },

    attempted({ delivery, startedAtMs, url, outcome, decision }) {
      const { event, endpointId, attempts } = delivery;
      const parent = trace.setSpanContext(ROOT_CONTEXT, ofEvent(event));
      ids.choose({ spanId: attemptSpanId(delivery.uuid, attempts) });
      const attributes: Attributes = {
        ...attributesOf(event),
        'posthorn.endpoint': endpointId,
        'posthorn.delivery': encodeId('dlv', delivery.uuid),
        'posthorn.attempt': attempts + 1,
        'posthorn.decision': decision.kind,
        'http.request.method': 'POST',
        // A webhook's path and query may hold a secret.
        ...(URL.canParse(url) ? { 'server.address': new URL(url).host } : {}),
        ...(outcome.response ? { 'http.response.status_code': outcome.response.status } : {}),
        ...(outcome.error ? { 'error.type': outcome.error } : {}),
      };
      const span = tracer.startSpan(
        `deliver ${event.trigger}`,
        { startTime: startedAtMs, kind: SpanKind.CONSUMER, attributes },
        parent,
      );
      if (outcome.error) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.error });
      span.end(startedAtMs + outcome.timings.total);
    },

    stop: () => provider.shutdown(),
  };
}

/** Ids that are chosen for the next span; random ones otherwise. */
class ChosenIds implements IdGenerator {
  private readonly next: { traceId?: string; spanId?: string } = {};

  constructor(private readonly random: IdGenerator) {}

  choose(ids: { traceId?: string; spanId: string }): void {
    Object.assign(this.next, ids);
  }

  generateTraceId = (): string => {
    const { traceId = this.random.generateTraceId() } = this.next;
    delete this.next.traceId;
    return traceId;
  };

  generateSpanId = (): string => {
    const { spanId = this.random.generateSpanId() } = this.next;
    delete this.next.spanId;
    return spanId;
  };
}
