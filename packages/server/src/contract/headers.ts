import type { SigningKey } from '../domain/signature.ts';
import { type AttemptFacts, compileHeaderValue, UnknownField } from './fields.ts';
import type { SignatureScheme } from './signatures.ts';

/** What is known when one attempt's request is written. */
export interface AttemptContext extends AttemptFacts {
  readonly body: Buffer;
  /** Keys that are valid now, newest first. */
  readonly keys: readonly SigningKey[];
}

/** Answers names and values in the order in which they are sent. */
export type HeaderWriter = (context: AttemptContext) => [name: string, value: string][];

/** @throws UnknownField */
export function compileHeaders(headers: Readonly<Record<string, string>>, signature: SignatureScheme): HeaderWriter {
  const templates = Object.entries(headers).map(([name, value]) => [name, compile(name, value)] as const);
  return (context) => {
    const written: [string, string][] = templates.map(([name, write]) => [name, write(context)]);
    const { event, keys, nowMs, body } = context;
    const signed = signature.sign({ keys, eventId: event.externalId ?? event.id, body, nowMs });
    if (signed) written.push(signed);
    return written;
  };
}

function compile(name: string, value: string): (facts: AttemptFacts) => string {
  try {
    return compileHeaderValue(value);
  } catch (error) {
    throw error instanceof UnknownField ? new UnknownField(`/headers/${name} ${error.message}`) : error;
  }
}
