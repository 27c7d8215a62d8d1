import type { StoredEvent } from '../domain/model.ts';
import { type SigningKey, signStandard } from '../domain/signature.ts';

/** What is known when one attempt's request is written. */
export interface AttemptContext {
  readonly event: StoredEvent;
  readonly body: Buffer;
  /** Keys that are valid now, newest first. */
  readonly keys: readonly SigningKey[];
  readonly nowMs: number;
}

/** Answers names and values in the order in which they are sent. */
export type HeaderWriter = (context: AttemptContext) => [name: string, value: string][];

const FIELDS = {
  '{event.id}': ({ event }: AttemptContext) => event.externalId ?? event.id,
  '{trigger}': ({ event }: AttemptContext) => event.trigger,
  '{attempt.unix}': ({ nowMs }: AttemptContext) => String(Math.floor(nowMs / 1000)),
} as const;

export type HeaderField = keyof typeof FIELDS;
export const HEADER_FIELDS: readonly string[] = Object.keys(FIELDS);

export function compileHeaders(headers: Readonly<Record<string, HeaderField>>): HeaderWriter {
  const templates = Object.entries(headers);
  return (context) => {
    const written: [string, string][] = templates.map(([name, field]) => [name, FIELDS[field](context)]);
    const { event, keys, nowMs, body } = context;
    const id = event.externalId ?? event.id;
    written.push(['webhook-signature', signStandard(keys, id, Math.floor(nowMs / 1000), body)]);
    return written;
  };
}
