/**
 * Publishers run while the server and, separately, its PostgreSQL are killed with SIGKILL at random moments. A receiver
 * keeps a ledger: every event that was acknowledged must be in it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPERATOR_KEY } from '../support/node.ts';
import { type ServerProcess, startServer } from '../support/process.ts';
import { Receiver } from '../support/receiver.ts';

const PUBLISHERS = 4;
const ENDPOINTS = 3;
const PORT = 18_400 + (process.pid % 1000);
const SETTLE_TIMEOUT_MS = 120_000;

export interface CrashReport {
  kills: { node: number; postgres: number };
  acknowledged: number;
  /** Acknowledged deliveries that never arrived. */
  lost: string[];
  /** Deliveries that arrived more than once, beyond the first time. */
  duplicates: number;
}

/** A small generator of random numbers that can be started again from its seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An answer that was on its way can make the next kill come while PostgreSQL is still started again: it is waited for. */
async function killPostgres(folder: string): Promise<void> {
  for (let waited = 0; ; waited += 50) {
    try {
      const pid = Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      return;
    } catch (error) {
      if (waited > SETTLE_TIMEOUT_MS) throw error;
      await pause(50);
    }
  }
}

export async function runCrashTest(kills: number, seed: number, log: (line: string) => void): Promise<CrashReport> {
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-crash-'));
  const receiver = await Receiver.start();
  const ledger = new Map<string, number>();
  receiver.respond = (request, response) => {
    const key = `${request.path} ${request.headers['webhook-id']}`;
    ledger.set(key, (ledger.get(key) ?? 0) + 1);
    receiver.requests.length = 0;
    setTimeout(() => response.writeHead(200).end(), Math.floor(Math.random() * 15));
  };

  let server: ServerProcess = startServer({ POSTHORN_DATA_DIR: folder, POSTHORN_PORT: String(PORT) });
  const url = await server.ready;
  const call = (method: string, path: string, body: object) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  await call('POST', '/v1/accounts', { id: 'acme', name: 'Acme', contract: 'standard' });
  for (let i = 0; i < ENDPOINTS; i++) {
    const made = await call('POST', '/v1/accounts/acme/endpoints', {
      url: receiver.url(`/${i}`),
      subscriptions: [{ trigger: '*' }],
    });
    if (made.status !== 201) throw new Error(await made.text());
  }

  const acknowledged: string[] = [];
  let isPublishing = true;
  const publisher = async () => {
    while (isPublishing) {
      try {
        const answer = await call('POST', '/v1/accounts/acme/events', {
          trigger: 'crash.test',
          payload: { n: acknowledged.length },
        });
        if (answer.status === 202) acknowledged.push(((await answer.json()) as { id: string }).id);
        else await pause(20);
      } catch {
        await pause(20);
      }
    }
  };
  const publishers = Array.from({ length: PUBLISHERS }, publisher);

  const done = { node: 0, postgres: 0 };
  for (let i = 0; i < kills; i++) {
    await pause(200 + random() * 600);
    if (random() < 0.5) {
      done.node++;
      server.child.kill('SIGKILL');
      await server.ended;
      server = startServer({ POSTHORN_DATA_DIR: folder, POSTHORN_PORT: String(PORT) });
      await server.ready;
    } else {
      done.postgres++;
      await killPostgres(folder);
      const before = acknowledged.length;
      // The server starts it again by itself; the next kill comes when events are accepted again.
      for (let waited = 0; acknowledged.length === before; waited += 50) {
        if (waited > SETTLE_TIMEOUT_MS || server.child.exitCode !== null)
          throw new Error(`not accepting again after PostgreSQL was killed:\n${server.printed()}`);
        await pause(50);
      }
    }
    log(`kill ${i + 1} of ${kills}: ${acknowledged.length} events acknowledged, ${ledger.size} deliveries received`);
  }

  isPublishing = false;
  await Promise.all(publishers);
  const expected = acknowledged.flatMap((id) => Array.from({ length: ENDPOINTS }, (_, i) => `/${i} ${id}`));
  const missing = () => expected.filter((key) => !ledger.has(key));
  for (let waited = 0; missing().length > 0 && waited < SETTLE_TIMEOUT_MS; waited += 100) await pause(100);

  server.child.kill('SIGTERM');
  const code = await server.ended;
  if (code !== 0) throw new Error(`the server ended with ${code} instead of 0:\n${server.printed()}`);
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
  const duplicates = [...ledger.values()].reduce((sum, times) => sum + times - 1, 0);
  return { kills: done, acknowledged: acknowledged.length, lost: missing(), duplicates };
}
