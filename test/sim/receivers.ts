import type { AttemptOutcome } from '../../packages/server/src/domain/outcome.ts';
import type { OutgoingRequest } from '../../packages/server/src/egress/request.ts';
import type { World } from './world.ts';

/** How a receiver behaves, until it is changed. */
export type Behaviour = 'well' | 'slow' | 'refuses' | 'hangs' | 'resets' | 'moody';

export interface Received {
  atMs: number;
  endpointUrl: string;
  eventId: string;
  /** The process that sent it, and when it began. */
  sender: string;
  startedMs: number;
}

export const BEHAVIOURS: readonly Behaviour[] = ['well', 'well', 'well', 'slow', 'refuses', 'hangs', 'resets', 'moody'];

/** The other side of every request. */
export class Receivers {
  readonly received: Received[] = [];
  /** Requests under way, by URL. */
  readonly underWay = new Map<string, number>();
  /** The most at a time, by URL. */
  readonly busiest = new Map<string, number>();
  private readonly behaviours = new Map<string, Behaviour>();

  constructor(private readonly world: World) {}

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
    const busy = (this.underWay.get(url) ?? 0) + 1;
    this.underWay.set(url, busy);
    this.busiest.set(url, Math.max(this.busiest.get(url) ?? 0, busy));
    const outcome = await this.answer(url, request.timeouts.totalMs, () => {
      this.received.push({ atMs: world.nowMs, endpointUrl: url, eventId, sender, startedMs });
      world.note(`received ${url}`);
    });
    this.underWay.set(url, (this.underWay.get(url) ?? 1) - 1);
    return { ...outcome, timings: { total: world.nowMs - startedMs } };
  }

  private async answer(url: string, timeoutMs: number, take: () => void): Promise<Omit<AttemptOutcome, 'timings'>> {
    const { world } = this;
    await world.pause(world.random() * 5);
    const behaviour = this.behaviours.get(url) ?? 'well';
    const mood = behaviour === 'moody' ? world.pick(['well', 'refuses', 'resets', 'slow'] as const) : behaviour;
    if (mood === 'resets' && world.chance(0.5)) return { error: 'reset' };
    take();
    switch (mood) {
      case 'hangs':
        await world.pause(timeoutMs);
        return { error: 'timeout' };
      case 'resets':
        return { error: 'reset' };
      case 'refuses':
        await world.pause(world.random() * 20);
        return { error: 'http_status', response: answerOf(503, world.chance(0.3) ? lie(world) : undefined) };
      case 'slow':
        await world.pause(world.random() * 3_000);
        return { response: answerOf(200) };
      default:
        await world.pause(world.random() * 10);
        return { response: answerOf(world.chance(0.1) ? 204 : 200) };
    }
  }
}

/** What receivers say about when to come again. */
function lie(world: World): string {
  return world.pick(['0', '1', '5', '-1', '99999999', 'soon', 'Wed, 21 Oct 2015 07:28:00 GMT']);
}

function answerOf(status: number, retryAfter?: string): NonNullable<AttemptOutcome['response']> {
  const headers: [string, string][] = retryAfter === undefined ? [] : [['retry-after', retryAfter]];
  return { status, headers, body: Buffer.alloc(0), truncated: false };
}
