import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { readConfig } from '../../packages/server/src/config.ts';
import type { Clock } from '../../packages/server/src/domain/clock.ts';
import { type RunningNode, startNode } from '../../packages/server/src/node.ts';
import { createDatabase } from './database.ts';
import { makeClockMovable } from './faults.ts';

export const OPERATOR_KEY = 'test-operator-key-0123456789';
export const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The real clock, set forward on demand; timers stay real. For what is counted over time. */
export function shiftedClock(): Clock & { jump(ms: number): void } {
  let aheadMs = 0;
  return {
    now: () => Date.now() + aheadMs,
    monotonicMs: () => performance.now() + aheadMs,
    after: realClock.after,
    jump(ms) {
      aheadMs += ms;
    },
  };
}

export interface TestAnswer {
  status: number;
  headers: Headers;
  // The tests look into answers freely; the schemas are checked by the OpenAPI test.
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
  body: any;
  text: string;
}

export interface TestNode extends RunningNode {
  databaseUrl: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** Creates an account with one endpoint and answers both ids and the secret. */
  createEndpoint(
    url: string,
    more?: object,
    account?: string,
  ): Promise<{ account: string; endpoint: string; secret: string }>;
  publish(account: string, trigger: string, payload: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
}

export interface TestNodeOptions {
  databaseUrl?: string;
  clock?: Clock;
  random?: () => number;
  environment?: Record<string, string>;
  /** PostgreSQL's clock can be moved: see faults.ts. */
  hasMovableClock?: boolean;
  logger?: Logger;
}

/** Starts a real node on a real database, on any free port. */
export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const databaseUrl = options.databaseUrl ?? (await createDatabase());
  if (options.hasMovableClock) await makeClockMovable(databaseUrl);
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-node-'));
  const config = readConfig({
    POSTHORN_PORT: '0',
    POSTHORN_DATA_DIR: folder,
    POSTHORN_OPERATOR_KEY: OPERATOR_KEY,
    POSTHORN_MASTER_KEY: MASTER_KEY,
    POSTHORN_ALLOW_NETWORKS: '127.0.0.0/8',
    POSTHORN_LOG_LEVEL: 'fatal',
    DATABASE_URL: databaseUrl,
    ...options.environment,
  });
  const node = await startNode(config, {
    clock: options.clock ?? realClock,
    random: options.random ?? Math.random,
    signInToken: 'test-sign-in-token',
    ...(options.logger ? { logger: options.logger } : {}),
  });

  const call: TestNode['call'] = async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string';
    const response = await fetch(`${node.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${OPERATOR_KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
      text,
    };
  };

  return {
    ...node,
    databaseUrl,
    call,
    async createEndpoint(url, more = {}, account = `acc-${randomBytes(6).toString('hex')}`) {
      await call('POST', '/v1/accounts', { id: account, name: 'Test', contract: 'standard' });
      const answer = await call('POST', `/v1/accounts/${account}/endpoints`, {
        url,
        subscriptions: [{ trigger: '*' }],
        ...more,
      });
      if (answer.status !== 201) throw new Error(answer.text);
      return { account, endpoint: answer.body.id, secret: answer.body.secret };
    },
    publish: (account, trigger, payload, headers) =>
      call('POST', `/v1/accounts/${account}/events`, { trigger, payload }, headers),
    async stop() {
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again until the answer fits. For states that only an API call can see. */
export async function eventually<T>(
  ask: () => Promise<T>,
  fits: (answer: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > deadline)
      throw new Error(`not in ${timeoutMs} ms; last answer: ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
