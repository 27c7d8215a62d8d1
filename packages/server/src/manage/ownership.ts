import { randomBytes } from 'node:crypto';
import type { Sender } from '../deliver/sender.ts';
import type { Clock } from '../domain/clock.ts';
import { Problem } from '../domain/errors.ts';
import type { IdSource } from '../domain/ids.ts';
import type { AttemptOutcome } from '../domain/outcome.ts';
import type { KnownEndpoint } from '../fanout/directory.ts';
import type { AccountLimits } from './account-limits.ts';
import type { Inspector } from './inspector.ts';

/** What the request of a challenge is named, in the place of an event's trigger. */
export const CHALLENGE_TRIGGER = 'endpoint.challenge';
const CHALLENGE_BYTES = 24;

/** Has receivers show that they want what is sent to them: they echo a challenge. */
export class Ownership {
  constructor(
    private readonly parts: {
      sender: Sender;
      inspector: Pick<Inspector, 'isBin'>;
      limits: AccountLimits;
      ids: IdSource;
      clock: Clock;
    },
  ) {}

  /**
   * Sends a challenge, written and signed as an event of this endpoint, and looks for it in the answer: as the whole body, or as
   * `challenge` of a JSON object.
   * @throws Problem `ownership_unproven`, `too_many_requests`
   */
  async prove(endpoint: KnownEndpoint): Promise<void> {
    const { sender, inspector, limits, ids, clock } = this.parts;
    // The server's own bins belong to the account whose they are.
    if (inspector.isBin(endpoint.url)) return;
    limits.take(endpoint.accountId, 'tests');
    const challenge = randomBytes(CHALLENGE_BYTES).toString('base64url');
    const uuid = ids.nextUuid();
    const outcome = await sender.sendOnce(endpoint, {
      id: ids.next('evt'),
      uuid,
      externalId: null,
      accountId: endpoint.accountId,
      trigger: CHALLENGE_TRIGGER,
      byTopic: false,
      test: true,
      payload: Buffer.from(JSON.stringify({ challenge })),
      createdAtMs: clock.now(),
    });
    const reason = whyNot(outcome, challenge);
    if (reason !== undefined) throw new Problem('ownership_unproven', reason);
  }
}

function whyNot({ error, errorDetail, response }: AttemptOutcome, challenge: string): string | undefined {
  if (response && error === 'http_status')
    return `The receiver answered the challenge with the status ${response.status}.`;
  if (error !== undefined)
    return `The challenge did not arrive (${error}): ${errorDetail ?? 'see the list of errors'}.`;
  return echoOf(response?.body.toString('utf8') ?? '') === challenge
    ? undefined
    : 'The receiver answered, and its answer is not the challenge.';
}

/** The body itself, or what its member `challenge` says. */
function echoOf(body: string): unknown {
  const text = body.trim();
  if (!text.startsWith('{')) return text;
  try {
    return (JSON.parse(text) as { challenge?: unknown }).challenge;
  } catch {
    return undefined;
  }
}
