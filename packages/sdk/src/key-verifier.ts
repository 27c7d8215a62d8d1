import type { BodyOf, KeyVerdict } from './types.ts';

export interface KeyVerifierOptions {
  /** How long an answer is used again, in milliseconds: 5,000 without it; so long a key that was switched off still works. */
  cacheMs?: number;
  /** How many answers are kept: 10,000 without it. */
  maxEntries?: number;
  now?: () => number;
}

type Question = BodyOf<'verifyKey'>;

/**
 * Verifies the keys that customers send to your API, and remembers the answers for a short time. What is asked at the same time is asked
 * once. Kept are digests of the questions, not keys.
 */
export class KeyVerifier {
  private readonly answers = new Map<string, { verdict: Promise<KeyVerdict>; untilMs: number }>();
  private readonly cacheMs: number;
  private readonly maxEntries: number;
  private readonly now: () => number;

  constructor(
    private readonly ask: (question: Question) => Promise<KeyVerdict>,
    { cacheMs = 5_000, maxEntries = 10_000, now = Date.now }: KeyVerifierOptions = {},
  ) {
    this.cacheMs = cacheMs;
    this.maxEntries = maxEntries;
    this.now = now;
  }

  /** @throws PosthornError, PosthornUnreachable: then let nobody in */
  async verify(question: Question): Promise<KeyVerdict> {
    const name = await digestOf(question);
    const nowMs = this.now();
    const known = this.answers.get(name);
    if (known && known.untilMs > nowMs) return await known.verdict;
    const verdict = this.ask(question);
    this.answers.delete(name);
    this.answers.set(name, { verdict, untilMs: nowMs + this.cacheMs });
    this.forget(nowMs);
    try {
      return await verdict;
    } catch (error) {
      if (this.answers.get(name)?.verdict === verdict) this.answers.delete(name);
      throw error;
    }
  }

  /** The oldest stand first. */
  private forget(nowMs: number): void {
    for (const [name, { untilMs }] of this.answers) {
      if (untilMs > nowMs && this.answers.size <= this.maxEntries) return;
      this.answers.delete(name);
    }
  }
}

async function digestOf({ key, scopes = [], address = '' }: Question): Promise<string> {
  const text = JSON.stringify([key, [...scopes].sort(), address]);
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
