import { Problem } from '../domain/errors.ts';
import { isTrigger, isTriggerPattern, matchesTrigger, type Subscription } from '../domain/subscription.ts';

export interface Topic {
  readonly value: string;
  readonly label: string;
  readonly description: string;
  /** File in `schemas/`. */
  readonly schema?: string;
}

export interface Implied {
  readonly trigger: string;
  /** Only when the payload has, or lacks, this member. */
  readonly when?: { readonly present?: string; readonly absent?: string };
  /** Members that the implied event's payload takes over. */
  readonly copy: readonly string[];
}

export interface Trigger {
  readonly value: string;
  readonly label: string;
  readonly description: string;
  readonly schema?: string;
  /** Events that are published along with this one. */
  readonly implies?: readonly Implied[];
  /** Members of the payload that rules read and receivers do not get. */
  readonly unsent?: readonly string[];
  /** Members that come first in bodies, in this order. */
  readonly order?: readonly string[];
  /** It is still sent, and should not be subscribed to any more. */
  readonly deprecated?: boolean;
  /** Of its schema, where the product has declared it by the API. */
  readonly version?: number;
}

export interface Group {
  readonly value: string;
  readonly label: string;
  readonly triggers: readonly string[];
}

/** What a webhook may be subscribed to; `topic` is null in contracts without topics. */
export interface Pair {
  readonly topic: string | null;
  readonly trigger: string;
}

export interface CatalogRules {
  readonly topics: readonly Topic[];
  /** `free`: every well-formed trigger exists. */
  readonly triggers: readonly Trigger[] | 'free';
  /** Those of the free ones that the product has declared by the API. */
  readonly declared?: readonly Trigger[];
  readonly groups: readonly Group[];
  readonly pairs: readonly Pair[];
  /** Pairs that can be subscribed to and never yield a payload. */
  readonly emptyPairs: readonly Pair[];
  /** What of all other pairs: `possible` yields when an event carries that topic, `refused` cannot be subscribed to. */
  readonly otherPairs: 'possible' | 'refused';
  /** Whether subscriptions may be to `*` and `return.*`. */
  readonly wildcards: boolean;
}

/** `documented`: yields a payload. `possible`: when the event carries that topic. */
export type PairKind = 'documented' | 'possible' | 'empty' | 'refused';

const NO_MEMBERS: ReadonlySet<string> = new Set();

/** What can happen, and who can hear of it. */
export class Catalog {
  private readonly byTrigger: ReadonlyMap<string, Trigger>;
  private readonly topicValues: ReadonlySet<string>;
  private readonly documented: ReadonlySet<string>;
  private readonly empty: ReadonlySet<string>;
  private readonly soleTopics: ReadonlyMap<string, string>;
  private readonly unsentMembers: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(readonly rules: CatalogRules) {
    this.byTrigger = new Map(this.triggers.map((t) => [t.value, t]));
    this.topicValues = new Set(rules.topics.map((t) => t.value));
    this.documented = new Set(rules.pairs.map(keyOf));
    this.empty = new Set(rules.emptyPairs.map(keyOf));
    this.soleTopics = soleTopicsOf(rules.pairs);
    this.unsentMembers = new Map([...this.byTrigger.values()].map((t) => [t.value, new Set(t.unsent ?? [])]));
  }

  get hasTopics(): boolean {
    return this.topicValues.size > 0;
  }

  get isFree(): boolean {
    return this.rules.triggers === 'free';
  }

  get triggers(): readonly Trigger[] {
    const { triggers, declared = [] } = this.rules;
    return triggers === 'free' ? declared : triggers;
  }

  trigger(value: string): Trigger | undefined {
    return this.byTrigger.get(value);
  }

  hasTrigger(trigger: string): boolean {
    return this.isFree ? isTrigger(trigger) : this.byTrigger.has(trigger);
  }

  hasTopic(topic: string): boolean {
    return this.topicValues.has(topic);
  }

  unsent(trigger: string): ReadonlySet<string> {
    return this.unsentMembers.get(trigger) ?? NO_MEMBERS;
  }

  order(trigger: string): readonly string[] | undefined {
    return this.byTrigger.get(trigger)?.order;
  }

  /** The one topic that a trigger's payload is of when the publisher names none. */
  soleTopicOf(trigger: string): string | null {
    return this.soleTopics.get(trigger) ?? null;
  }

  kindOf({ topic, trigger }: Pair): PairKind {
    const key = keyOf({ topic, trigger });
    if (this.documented.has(key)) return 'documented';
    if (this.empty.has(key)) return 'empty';
    return this.rules.otherPairs;
  }

  /**
   * Brings a subscription into the form that is stored: with its topic, in contracts that have topics.
   * @throws Problem `unknown_topic`, `unknown_trigger`, `unknown_pair`
   */
  complete({ topic, trigger }: Subscription, pointer: string): Subscription {
    if (!this.hasPattern(trigger)) {
      const more = this.isFree && this.rules.wildcards ? ', nor `*` or a prefix as `order.*`' : '';
      throw new Problem('unknown_trigger', `"${trigger}" is not a trigger of this contract${more}.`, [
        { pointer: `${pointer}/trigger`, detail: 'is not a trigger of this contract' },
      ]);
    }
    if (!this.hasTopics) {
      if (topic === undefined) return { trigger };
      throw new Problem('unknown_topic', 'This contract has no topics: leave `topic` out.', [
        { pointer: `${pointer}/topic`, detail: 'this contract has no topics' },
      ]);
    }
    const found = topic ?? this.onlyTopicOf(trigger);
    if (found === null || !this.topicValues.has(found)) {
      const detail = `is one of ${[...this.topicValues].join(', ')}`;
      throw new Problem(
        'unknown_topic',
        found === null ? `"${trigger}" needs a topic: it ${detail}.` : `There is no topic "${found}": it ${detail}.`,
        [{ pointer: `${pointer}/topic`, detail }],
      );
    }
    if (this.byTrigger.has(trigger) && this.kindOf({ topic: found, trigger }) === 'refused') {
      throw new Problem('unknown_pair', `Trigger "${trigger}" has no payload of topic "${found}".`, [
        { pointer, detail: 'is not a pair of this contract' },
      ]);
    }
    return { topic: found, trigger };
  }

  /** The single pairs behind subscriptions, those that are documented first, each once. */
  pairsOf(subscriptions: readonly Subscription[]): Pair[] {
    const pairs = subscriptions.flatMap(({ topic = null, trigger }) => {
      if (this.hasTrigger(trigger)) return [{ topic, trigger }];
      const matching = this.triggers.filter((t) => matchesTrigger(trigger, t.value));
      const sent = matching.map((t) => ({ topic, trigger: t.value, kind: this.kindOf({ topic, trigger: t.value }) }));
      return (['documented', 'possible'] as const).flatMap((kind) =>
        sent.filter((pair) => pair.kind === kind).map((pair) => ({ topic, trigger: pair.trigger })),
      );
    });
    return [...new Map(pairs.map((pair) => [keyOf(pair), pair])).values()];
  }

  /** The one topic of everything that a pattern matches. */
  private onlyTopicOf(pattern: string): string | null {
    const matching = this.triggers.filter((t) => matchesTrigger(pattern, t.value));
    const [topic, ...more] = new Set(matching.map((t) => this.soleTopicOf(t.value)));
    return more.length === 0 ? (topic ?? null) : null;
  }

  private hasPattern(pattern: string): boolean {
    if (this.hasTrigger(pattern)) return true;
    if (!this.rules.wildcards || !pattern.endsWith('*')) return false;
    return this.isFree ? isTriggerPattern(pattern) : this.triggers.some((t) => matchesTrigger(pattern, t.value));
  }
}

/** A pair as the key of a map. */
export function keyOf({ topic, trigger }: Pair): string {
  return `${topic ?? ''} ${trigger}`;
}

function soleTopicsOf(pairs: readonly Pair[]): Map<string, string> {
  const topics = new Map<string, Set<string>>();
  for (const { topic, trigger } of pairs) {
    if (topic !== null) topics.set(trigger, (topics.get(trigger) ?? new Set()).add(topic));
  }
  return new Map(
    [...topics].flatMap(([trigger, [topic, ...more]]) =>
      topic !== undefined && more.length === 0 ? [[trigger, topic]] : [],
    ),
  );
}
