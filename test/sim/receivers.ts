import type { AttemptOutcome } from '../../packages/server/src/domain/outcome.ts';
import type { OutgoingRequest } from '../../packages/server/src/egress/request.ts';
import type { Chance, World } from './world.ts';

/** How a receiver behaves, until it is changed. */
export type Behaviour = 'well' | 'slow' | 'refuses' | 'hangs' | 'resets' | 'moody' | 'busy';

export interface Received {
  atMs: number;
  endpointUrl: string;
  eventId: string;
  /** The process that sent it, and when it began. */
  sender: string;
  startedMs: number;
}

export interface UnderWay {
  sender: string;
  eventId: string;
}

export const BEHAVIOURS: readonly Behaviour[] = ['well', 'well', 'well', 'slow', 'refuses', 'hangs', 'resets', 'moody'];

/** The other side of every request. */
export class Receivers {
  readonly received: Received[] = [];
  /** Requests since somebody looked last. */
  readonly started: (UnderWay & { url: string })[] = [];
  /** Requests under way, by URL: who sends them. */
  readonly underWay = new Map<string, Set<UnderWay>>();
  private readonly behaviours = new Map<string, Behaviour>();

  private readonly chance: Chance;

  constructor(private readonly world: World) {
    this.chance = world.stream('receivers');
  }

  set(url: string, behaviour: Behaviour): void {
    this.behaviours.set(url, behaviour);
  }

  allWell(): void {
    for (const url of this.behaviours.keys()) this.behaviours.set(url, 'well');
  }

  async send(sender: string, request: OutgoingRequest): Promise<AttemptOutcome> {
    const { world } = this;
    const url = request.url.href;
    const eventId = request.headers.find(([name]) => name.toLowerCase() === 'webhook-id')?.[1] ?? '';
    const startedMs = world.nowMs;
    const underWay = this.underWay.get(url) ?? new Set();
    const one = { sender, eventId };
    this.started.push({ ...one, url });
    this.underWay.set(url, underWay.add(one));
    const outcome = await this.answer(url, request.timeouts.totalMs, () => {
      this.received.push({ atMs: world.nowMs, endpointUrl: url, eventId, sender, startedMs });
      world.note(`received ${url}`);
    });
    underWay.delete(one);
    return { ...outcome, timings: { total: world.nowMs - startedMs } };
  }

  private async answer(url: string, timeoutMs: number, take: () => void): Promise<Omit<AttemptOutcome, 'timings'>> {
    const { world, chance } = this;
    await world.pause(chance.random() * (chance.chance(0.05) ? 150 : 5));
    const behaviour = this.behaviours.get(url) ?? 'well';
    const mood = behaviour === 'moody' ? chance.pick(['well', 'refuses', 'resets', 'slow'] as const) : behaviour;
    if (mood === 'resets' && chance.chance(0.5)) return { error: 'reset' };
    take();
    switch (mood) {
      case 'hangs':
        await world.pause(timeoutMs);
        return { error: 'timeout' };
      case 'resets':
        return { error: 'reset' };
      case 'busy':
        return chance.chance(0.2) ? { error: 'http_status', response: answerOf(503) } : { response: answerOf(200) };
      case 'refuses':
        await world.pause(chance.random() * 20);
        return { error: 'http_status', response: answerOf(503, chance.chance(0.3) ? lie(chance) : undefined) };
      case 'slow':
        await world.pause(chance.random() * 3_000);
        return { response: answerOf(200) };
      default:
        await world.pause(chance.random() * 10);
        return { response: answerOf(chance.chance(0.1) ? 204 : 200) };
    }
  }
}

/** What receivers say about when to come again. */
function lie(chance: Chance): string {
  return chance.pick(['0', '1', '5', '-1', '99999999', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT']);
}

function answerOf(status: number, retryAfter?: string): NonNullable<AttemptOutcome['response']> {
  const headers: [string, string][] = retryAfter === undefined ? [] : [['retry-after', retryAfter]];
  return { status, headers, body: Buffer.alloc(0), truncated: false };
}
