import { eachMember, memberOf } from '../domain/raw-json.ts';
import { type BodyFacts, compileBodyField, type EventFacts, type FieldValue, UnknownField } from './fields.ts';
import { type PhpNumbers, phpJson } from './php-json.ts';

/** Answers the body of a delivery's requests. Pure: the same event and account give the same bytes on every try. */
export type BodyEncoder = (facts: BodyFacts) => Buffer;

export interface BodyRules {
  readonly encoder: 'json' | 'php-json';
  /** How `php-json` writes numbers. */
  readonly numbers?: PhpNumbers;
  /** JSON in which `"{payload}"` stands for the payload, and `"{field}"` for a field. */
  readonly envelope?: unknown;
  /** Members that the payload always has with these values, first where it lacks them. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Members that are put first where the payload lacks them. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Members that come first, in this order, wherever they stand in the payload. */
  readonly order?: readonly string[];
  /** Members that are written as integers: 7 for 7.0 and 0.7e1. */
  readonly integers?: readonly string[];
}

/** What bodies depend on besides the rules that hold for all triggers. */
export interface TriggerRules {
  /** Members that rules read and receivers do not get. */
  unsent(trigger: string): ReadonlySet<string>;
  /** Instead of `order`. */
  order(trigger: string): readonly string[] | undefined;
}

/** The payload of one topic: the whole of it where the event has only one. */
export function payloadFor(event: EventFacts, topic: string | null): Buffer {
  if (!event.byTopic || topic === null) return event.payload;
  return Buffer.from(memberOf(event.payload.toString('utf8'), topic) ?? 'null');
}

/** Compiles what a contract says of bodies. */
export function compileBody(rules: BodyRules, triggers: TriggerRules): BodyEncoder {
  const write = rules.envelope === undefined ? compileMerge(rules, triggers) : compileEnvelope(rules.envelope);
  if (rules.encoder === 'json') return write;
  return (facts) => Buffer.from(phpJson(write(facts).toString('utf8'), rules.numbers));
}

const FIELD = /^\{([^{}]+)\}$/;

type Part = string | ((facts: BodyFacts) => string);

/** JSON text with holes for fields; the payload is a hole of its own. */
function compileTemplate(value: unknown): { parts: Part[]; payloadAt: number } {
  const parts: Part[] = [];
  let payloadAt = -1;
  const walk = (node: unknown, path: string): void => {
    const field = typeof node === 'string' ? FIELD.exec(node)?.[1] : undefined;
    if (field === 'payload') {
      if (payloadAt >= 0) throw new UnknownField(`${path} {payload} can stand in one place only`);
      payloadAt = parts.length;
    } else if (field !== undefined) {
      const read = compileAt(path, field);
      parts.push((facts) => JSON.stringify(read(facts)));
    } else if (Array.isArray(node)) {
      node.forEach((item, i) => {
        parts.push(i === 0 ? '[' : ',');
        walk(item, `${path}/${i}`);
      });
      parts.push(node.length === 0 ? '[]' : ']');
    } else if (typeof node === 'object' && node !== null) {
      const members = Object.entries(node);
      members.forEach(([key, item], i) => {
        parts.push(`${i === 0 ? '{' : ','}${JSON.stringify(key)}:`);
        walk(item, `${path}/${key}`);
      });
      parts.push(members.length === 0 ? '{}' : '}');
    } else parts.push(JSON.stringify(node));
  };
  walk(value, '/body/envelope');
  return { parts, payloadAt };
}

/**
 * Compiles an envelope into one that splices the payload's own text in: numbers and key order reach the wire as they
 * were published.
 */
function compileEnvelope(envelope: unknown): BodyEncoder {
  const { parts, payloadAt } = compileTemplate(envelope);
  const cut = payloadAt < 0 ? parts.length : payloadAt;
  const before = join(parts.slice(0, cut));
  const after = join(parts.slice(cut));
  const write = (part: readonly Part[], facts: BodyFacts) => {
    let text = '';
    for (const piece of part) text += typeof piece === 'string' ? piece : piece(facts);
    return text;
  };
  return (facts) => {
    const head = write(before, facts);
    const tail = write(after, facts);
    if (payloadAt < 0) return Buffer.from(head);
    const payload = payloadFor(facts.event, facts.topic);
    const bytes = Buffer.allocUnsafe(Buffer.byteLength(head) + payload.length + Buffer.byteLength(tail));
    const at = bytes.write(head);
    payload.copy(bytes, at);
    bytes.write(tail, at + payload.length);
    return bytes;
  };
}

function compileAt(path: string, field: string): (facts: BodyFacts) => FieldValue {
  try {
    return compileBodyField(field);
  } catch (error) {
    throw error instanceof UnknownField ? new UnknownField(`${path} ${error.message}, payload`) : error;
  }
}

/** Neighbouring texts become one. */
function join(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return joined;
}

/** A member of a body: a value of the contract, or a field. */
type Member = { name: string; value: unknown } | { name: string; read: (facts: BodyFacts) => FieldValue };

function compileMembers(values: Readonly<Record<string, unknown>> = {}): Member[] {
  return Object.entries(values).map(([name, value]) => {
    const field = typeof value === 'string' ? FIELD.exec(value)?.[1] : undefined;
    return field === undefined ? { name, value } : { name, read: compileAt(`/body/${name}`, field) };
  });
}

/** Answers a member's JSON text; what is always the same is written once. */
function writerOf(member: Member): (facts: BodyFacts) => string {
  if ('read' in member) return (facts) => JSON.stringify(member.read(facts));
  const text = JSON.stringify(member.value);
  return () => text;
}

/** The payload itself, with some members set. */
function compileMerge({ set, defaults, order = [], integers = [] }: BodyRules, triggers: TriggerRules): BodyEncoder {
  const written = (members: Member[]) => members.map((member) => [member.name, writerOf(member)] as const);
  const setMembers = written(compileMembers(set));
  const added = [...setMembers, ...written(compileMembers(defaults))];
  const replaced = new Map(setMembers);
  const whole = new Set(integers);
  return (facts) => {
    const { trigger } = facts.event;
    const payload = payloadFor(facts.event, facts.topic);
    const dropped = triggers.unsent(trigger);
    const first = triggers.order(trigger) ?? order;
    if (added.length + first.length + dropped.size + whole.size === 0) return payload;
    const text = payload.toString('utf8');
    if (!text.startsWith('{')) return payload;
    const own = new Map<string, string>();
    eachMember(text, 0, (key, from, to) => own.set(key, text.slice(from, to)));
    const members = new Map<string, string>();
    for (const [name, write] of added) if (!own.has(name)) members.set(name, write(facts));
    for (const [name, value] of own) {
      if (dropped.has(name)) continue;
      members.set(name, replaced.get(name)?.(facts) ?? (whole.has(name) ? toInteger(value) : value));
    }
    return Buffer.from(`{${inOrder(members, first).join(',')}}`);
  };
}

function inOrder(members: ReadonlyMap<string, string>, first: readonly string[]): string[] {
  const names = new Set([...first.filter((name) => members.has(name)), ...members.keys()]);
  return [...names].map((name) => `${JSON.stringify(name)}:${members.get(name)}`);
}

/** A number's token in integer form, where it is a whole number. */
function toInteger(token: string): string {
  const value = /^-?\d+$/.test(token) ? undefined : Number(token);
  return Number.isSafeInteger(value) ? String(value) : token;
}

/** What set and default members add to a payload before its schema is checked. */
export function compileAdded(rules: BodyRules): (facts: BodyFacts, payload: unknown) => unknown {
  if (rules.envelope !== undefined) return (_, payload) => payload;
  const defaults = compileMembers(rules.defaults);
  const set = compileMembers(rules.set);
  if (defaults.length + set.length === 0) return (_, payload) => payload;
  const values = (members: Member[], facts: BodyFacts) =>
    Object.fromEntries(members.map((member) => [member.name, 'read' in member ? member.read(facts) : member.value]));
  return (facts, payload) =>
    typeof payload === 'object' && payload !== null && !Array.isArray(payload)
      ? { ...values(defaults, facts), ...payload, ...values(set, facts) }
      : payload;
}

/** Members that `set`, `defaults` or `integers` name. */
export function ruledMembers({ set, defaults, integers = [] }: BodyRules): ReadonlySet<string> {
  return new Set([...Object.keys(set ?? {}), ...Object.keys(defaults ?? {}), ...integers]);
}

/** Members that `defaults` writes from a field, as the time of the event. */
export function computedDefaults({ defaults }: BodyRules): ReadonlySet<string> {
  const computed = compileMembers(defaults).filter((member) => 'read' in member);
  return new Set(computed.map(({ name }) => name));
}
