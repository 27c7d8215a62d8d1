/** W3C Trace Context (https://www.w3.org/TR/trace-context/), as far as it is passed on. */

/** What a `traceparent` says. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly traceFlags: number;
}

/** @returns undefined for what is none: it is ignored, as the specification asks */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(text) ?? [];
  if (version === undefined || version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}

/** The id of an attempt's span: told from the delivery, so that it is known before anything is recorded, on every node. */
export function attemptSpanId(deliveryUuid: Uint8Array, attempts: number): string {
  const bytes = Buffer.from(deliveryUuid.subarray(8, 16));
  bytes.writeUInt32BE((bytes.readUInt32BE(4) ^ (attempts + 1)) >>> 0, 4);
  return bytes.toString('hex');
}

/** Of an attempt: its trace has the event's id. */
export function traceparentOf(eventUuid: Uint8Array, deliveryUuid: Uint8Array, attempts: number): string {
  return `00-${Buffer.from(eventUuid).toString('hex')}-${attemptSpanId(deliveryUuid, attempts)}-01`;
}
