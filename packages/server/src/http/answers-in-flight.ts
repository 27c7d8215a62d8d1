import type { FastifyReply } from 'fastify';
import { Problem } from '../domain/errors.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';

/** Of one account. Several people with several tabs each; browsers have six requests under way at a time. */
const ANSWERS_MAX = 24;
const BYTES_MAX = 32 * 1024 * 1024;
/** Of all accounts. */
const ALL_BYTES_MAX = 256 * 1024 * 1024;
const RETRY_AFTER_S = 1;

interface Account {
  answers: number;
  bytes: number;
}

/**
 * What the people of accounts have asked for and not read yet. Whoever asks for much and reads nothing is held to so many
 * answers and bytes, and all of them together to so many bytes.
 */
export class AnswersInFlight {
  private readonly accounts = new Map<string, Account>();
  private readonly counted = new WeakMap<FastifyReply, { account: Account; bytes: number }>();
  private bytes = 0;

  /** Counts an answer until it has been written to its connection, or that has ended. @throws TooManyRequests, Problem `overloaded` */
  begin(accountId: string, reply: FastifyReply): void {
    const account = this.accounts.get(accountId) ?? { answers: 0, bytes: 0 };
    if (account.answers >= ANSWERS_MAX) throw tooMany(`${ANSWERS_MAX} requests`);
    if (this.bytes >= ALL_BYTES_MAX) throw new Problem('overloaded', 'Too many answers wait to be read; try again.');
    account.answers++;
    this.accounts.set(accountId, account);
    const answer = { account, bytes: 0 };
    this.counted.set(reply, answer);
    reply.raw.once('close', () => {
      account.answers--;
      account.bytes -= answer.bytes;
      this.bytes -= answer.bytes;
      if (account.answers === 0) this.accounts.delete(accountId);
    });
  }

  /** Notes how large an answer has become. Answers why it cannot be kept until it has been read, if it cannot. */
  grow(reply: FastifyReply, bytes: number): TooManyRequests | undefined {
    const answer = this.counted.get(reply);
    if (!answer || answer.bytes > 0 || reply.raw.destroyed) return undefined;
    const { account } = answer;
    if (account.bytes > 0 && account.bytes + bytes > BYTES_MAX) return tooMany(`answers of ${BYTES_MAX} bytes`);
    answer.bytes = bytes;
    account.bytes += bytes;
    this.bytes += bytes;
    return undefined;
  }
}

function tooMany(what: string): TooManyRequests {
  return new TooManyRequests(RETRY_AFTER_S, `${what} of this account are under way; read them first.`);
}
