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
  const text =
    argument === '-'
      ? readFileSync(0, 'utf8')
      : argument.startsWith('@')
        ? readFileSync(argument.slice(1), 'utf8')
        : argument;
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CommandFailed(`This is no JSON: ${(error as Error).message}`, EXIT.usage);
  }
  return text;
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
  for (const name of names) {
    const members = membersOf(place, assignment);
    const next = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof next === 'object' && next !== null) place = next;
    else {
      place = {};
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

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
