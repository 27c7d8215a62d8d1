import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { CommandFailed, EXIT } from './exit-codes.js';

export function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
}

/** Collects an option that may be given several times. */
export const several = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** JSON as an argument, from a file (`@file`) or from standard input (`-`): its text, as it was written. */
export function jsonText(argument: string): string {
  const text = argument === '-' || argument.startsWith('@') ? read(argument) : argument;
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CommandFailed(`This is no JSON: ${(error as Error).message}`, EXIT.usage);
  }
  return text;
}

function read(argument: string): string {
  try {
    return readFileSync(argument === '-' ? 0 : argument.slice(1), 'utf8');
  } catch (error) {
    throw new CommandFailed(`${argument} cannot be read: ${(error as Error).message}`, EXIT.usage);
  }
}

/** A moment, as ISO 8601. */
export function moment(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('a time, as 2026-12-24T18:00:00Z');
  return new Date(ms).toISOString();
}

/** `topic:trigger`, or a trigger alone. */
export function subscription(text: string): { topic?: string; trigger: string } {
  const at = text.indexOf(':');
  return at < 0 ? { trigger: text } : { topic: text.slice(0, at), trigger: text.slice(at + 1) };
}

/**
 * Puts a value at a place of some JSON: `customer.name=Ada`, `items.0.price=5.0`. What is JSON is taken as that, all else as text.
 * @throws CommandFailed
 */
export function setAt(target: unknown, assignment: string): void {
  const at = assignment.indexOf('=');
  if (at < 1)
    throw new CommandFailed(
      `--set ${assignment}: write it as place=value, as total=5 or customer.name=Ada`,
      EXIT.usage,
    );
  const names = assignment.slice(0, at).split('.');
  const last = names.pop() ?? '';
  let place: unknown = target;
  for (const [i, name] of names.entries()) {
    const members = membersOf(place, assignment);
    const next = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof next === 'object' && next !== null) place = next;
    else {
      // What is called by a number stands in a list.
      place = /^\d+$/.test(names[i + 1] ?? last) ? [] : {};
      define(members, name, place);
    }
  }
  define(membersOf(place, assignment), last, jsonOrText(assignment.slice(at + 1)));
}

function membersOf(value: unknown, assignment: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new CommandFailed(`--set ${assignment}: the payload is no object`, EXIT.usage);
}

/** Also a member that is called `__proto__`. */
function define(members: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Before a number's own text, in JSON that is yet to be written by `withOwnNumbers`. */
const NUMBER = '\u0000';

/** JSON of what `setAt` has changed: 5.0 stays 5.0. */
export function withOwnNumbers(value: unknown): string {
  return JSON.stringify(value).replace(/"\\u0000([-+.\deE]+)"/g, '$1');
}

function jsonOrText(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && String(value) !== text ? NUMBER + text : value;
  } catch {
    return text;
  }
}
