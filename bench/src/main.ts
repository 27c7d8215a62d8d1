/**
 * Measures Posthorn on this machine, everything on the same cores: load generator, receiver, server and PostgreSQL.
 * `npm run bench`; `npm run bench -- --short` only sees that it works; `--only=ratio`, `latency`, `sql`, `keys`, `isolation`, `cells` or `scenarios` measures
 * that alone. Ratios within one run are what to compare: the
 * machine's own speed changes from run to run.
 */
import { cpus, totalmem } from 'node:os';
import { call, createAccount } from './api.js';
import { measureCells } from './cells.js';
import { postBytes } from './http-client.js';
import { closedLoop, openLoop } from './load.js';
import { memoryMb, OPERATOR_KEY, Receiver, startPosthorn, startRelay, type Target } from './processes.js';
import { measureScenarios } from './scenarios.js';
import { commitToReceived } from './sql.js';

const isShort = process.argv.includes('--short');
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
const SECONDS = isShort ? 0.5 : 8;
const WAITING = isShort ? 2_000 : 100_000;
const CONNECTIONS = 64;
/** Accounts with one endpoint each: every endpoint has its own connections, at most 10. */
const MANY = Array.from({ length: 8 }, (_, i) => `many-${i}`);
const DELIVER_TIMEOUT_MS = 300_000;

interface Latency {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

interface IsolationRound {
  p50: number;
  p99: number;
  eventsPerS: number;
}

const results: Record<string, unknown> = {};
const receiver = await Receiver.start();

function note(name: string, value: unknown): void {
  results[name] = value;
  console.log(`${name.padEnd(38)} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
}

function percentiles(sorted: number[]): Latency {
  const at = (q: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN) * 100) / 100;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Publishes as fast as it goes and waits until everything has arrived. Events per second, end to end. */
async function throughput(
  port: number,
  accounts: string[],
  batch: number,
  fanOut: number,
  seconds = SECONDS,
): Promise<number> {
  await receiver.reset();
  const startedAt = performance.now();
  const connections = batch === 1 ? CONNECTIONS : 4;
  const events = await closedLoop({ port, accounts, batch, connections }, { ms: seconds * 1000 });
  await receiver.waitFor(events * fanOut, DELIVER_TIMEOUT_MS);
  return Math.round(events / ((performance.now() - startedAt) / 1000));
}

async function latencyAt(
  port: number,
  accounts: string[],
  ratePerS: number,
  expectedPerEvent = 1,
  seconds = SECONDS,
): Promise<Latency> {
  await receiver.reset(true);
  const events = await openLoop({ port, accounts, batch: 1, connections: 0 }, ratePerS, seconds * 1000);
  await receiver.waitFor(events * expectedPerEvent, DELIVER_TIMEOUT_MS);
  return percentiles((await receiver.report()).latencies);
}

/** Alternating, so that the machine's mood hits all alike; the median of the rounds counts. */
async function relayAndDurable(server: Target): Promise<void> {
  const relay = await startRelay('./relay.js', receiver.url('ok'));
  const bare = await startRelay('./bare-relay.js', receiver.url('ok'));
  for (const account of MANY) await createAccount(server.port, account, receiver.url('ok'), 1);
  const targets = { relay, durable: server, bare };
  const rounds: Record<keyof typeof targets, number[]> = { relay: [], durable: [], bare: [] };
  for (const { port } of Object.values(targets)) await throughput(port, MANY, 1, 1, Math.min(4, SECONDS));
  for (let i = 0; i < (isShort ? 1 : 3); i++) {
    for (const name of ['relay', 'durable', 'bare'] as const) {
      rounds[name].push(await throughput(targets[name].port, MANY, 1, 1));
    }
  }
  const ratioTo = (limit: number[]) => {
    const ratios = rounds.durable.map((events, i) => events / (limit[i] ?? Number.NaN));
    return Math.round(median(ratios) * 100) / 100;
  };
  note('relay_events_per_s', rounds.relay);
  note('durable_events_per_s', rounds.durable);
  note('bare_relay_events_per_s', rounds.bare);
  note('durable_to_relay', ratioTo(rounds.relay));
  note('durable_to_bare_relay', ratioTo(rounds.bare));
  await relay.stop();
  await bare.stop();
}

async function otherShapes({ port }: Target): Promise<void> {
  await createAccount(port, 'ten', receiver.url('ok'), 10);
  note('durable_batch_100_events_per_s', await throughput(port, MANY, 100, 1));
  note('durable_fan_out_10_events_per_s', await throughput(port, ['ten'], 1, 10));
  note('durable_fan_out_10_batch_100_events_per_s', await throughput(port, ['ten'], 100, 10));
}

/** Beside them the bare relay's in the same run: what of the longest waits is the machine's. */
async function latencies({ port }: Target): Promise<void> {
  const bare = await startRelay('./bare-relay.js', receiver.url('ok'));
  try {
    await throughput(bare.port, MANY, 1, 1);
    for (const ratePerS of [100, 1000]) {
      note(`latency_ms_at_${ratePerS}_per_s`, await latencyAt(port, MANY, ratePerS));
      note(`bare_relay_latency_ms_at_${ratePerS}_per_s`, await latencyAt(bare.port, MANY, ratePerS));
    }
  } finally {
    await bare.stop();
  }
}

/**
 * Healthy endpoints, alone and beside one that hangs and one with many waiting. The two are switched off and on in
 * turn, so that the machine's mood hits both sides alike; the median of the rounds counts.
 */
async function isolation({ port, pid }: Target): Promise<void> {
  await createAccount(port, 'healthy', receiver.url('ok'), 1);
  const [hanging = ''] = await createAccount(port, 'hanging', receiver.url('hang'), 1);
  const [waiting = ''] = await createAccount(port, 'waiting', receiver.url('hang'), 1);
  await closedLoop({ port, accounts: ['waiting'], batch: 500, connections: 2 }, { events: WAITING });
  note('memory_mb_waiting', memoryMb(pid));
  await closedLoop({ port, accounts: ['hanging'], batch: 1, connections: 8 }, { events: 1_000 });
  // What storing them has left to do for PostgreSQL (a checkpoint, a vacuum) is not what is measured here.
  await new Promise((resolve) => setTimeout(resolve, isShort ? 0 : 15_000));

  const rounds = { alone: [] as IsolationRound[], beside: [] as IsolationRound[] };
  const seconds = isShort ? SECONDS : 4;
  await throughput(port, ['healthy'], 1, 1, seconds);
  for (let i = 0; i < (isShort ? 1 : 5); i++) {
    for (const side of i % 2 === 0 ? (['alone', 'beside'] as const) : (['beside', 'alone'] as const)) {
      const verb = side === 'alone' ? 'deactivate' : 'activate';
      await call(port, 'POST', `/v1/accounts/hanging/endpoints/${hanging}/${verb}`);
      await call(port, 'POST', `/v1/accounts/waiting/endpoints/${waiting}/${verb}`);
      // Long enough for a request that hangs to end, or for the lanes of both to fill.
      await new Promise((resolve) => setTimeout(resolve, isShort ? 0 : 1_000));
      const { p50, p99 } = await latencyAt(port, ['healthy'], 1000, 1, seconds);
      rounds[side].push({ p50, p99, eventsPerS: await throughput(port, ['healthy'], 1, 1, seconds) });
    }
  }
  note('isolation_alone', rounds.alone);
  note('isolation_beside', rounds.beside);
  const ratio = (value: (round: IsolationRound) => number) =>
    Math.round((median(rounds.beside.map(value)) / median(rounds.alone.map(value))) * 100) / 100;
  note('isolation_beside_to_alone', {
    p50: ratio((round) => round.p50),
    p99: ratio((round) => round.p99),
    eventsPerS: ratio((round) => round.eventsPerS),
  });

  await call(port, 'POST', `/v1/accounts/waiting/endpoints/${waiting}/activate`);
  await receiver.reset();
  const startedAt = performance.now();
  await call(port, 'PATCH', `/v1/accounts/waiting/endpoints/${waiting}`, { url: receiver.url('ok') });
  // A few hundred are in requests that hang until their timeout; they are not part of the drain.
  await receiver.waitFor(Math.floor(WAITING * 0.95), DELIVER_TIMEOUT_MS);
  note('drain_deliveries_per_s', Math.round((WAITING * 0.95) / ((performance.now() - startedAt) / 1000)));
}

/** What it takes to say whether an API key is valid: a hundred keys in turn. */
async function keyVerification({ port }: Target): Promise<void> {
  await createAccount(port, 'keys', receiver.url('ok'), 1);
  const made = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      call<{ key: string }>(port, 'POST', '/v1/accounts/keys/keys', { label: `${i}`, scopes: ['read'] }),
    ),
  );
  let turn = 0;
  const request = () =>
    postBytes(
      '/v1/keys/verify',
      OPERATOR_KEY,
      JSON.stringify({ key: made[turn++ % made.length]?.key, scopes: ['read'] }),
    );
  const options = { port, accounts: [], batch: 1, connections: 0, other: { request, status: 200 } };
  await openLoop(options, 1000, Math.min(SECONDS, 2) * 1000);
  const answeredMs: number[] = [];
  await openLoop(options, 1000, SECONDS * 1000, answeredMs);
  note('verify_ms_at_1000_per_s', percentiles(answeredMs.sort((a, b) => a - b)));
}

async function describeMachine({ port }: Target): Promise<void> {
  const [cpu] = cpus();
  note('machine', `${cpus().length} x ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB`);
  note('node', process.versions.node);
  note('database', await call(port, 'GET', '/v1/database'));
}

const server = await startPosthorn();
try {
  await describeMachine(server);
  await new Promise((resolve) => setTimeout(resolve, isShort ? 100 : 5_000));
  note('memory_mb_idle', memoryMb(server.pid));
  if (only === undefined || only === 'ratio') await relayAndDurable(server);
  else for (const account of MANY) await createAccount(server.port, account, receiver.url('ok'), 1);
  if (only === undefined) await otherShapes(server);
  if (only === undefined || only === 'latency') await latencies(server);
  if (only === undefined || only === 'sql') {
    for (const ratePerS of [20, 500])
      note(
        `sql_commit_to_received_ms_at_${ratePerS}_per_s`,
        percentiles(await commitToReceived(server, receiver, ratePerS, SECONDS)),
      );
  }
  if (only === undefined || only === 'keys') await keyVerification(server);
  if (only === undefined || only === 'isolation') await isolation(server);
  if (only === 'cells') {
    const scale = isShort ? { share: 0.5, seconds: 0.5, rounds: 1 } : { share: 0.15, seconds: 6, rounds: 5 };
    await measureCells(receiver, scale, note);
  }
  if (only === 'scenarios') {
    const scale = isShort ? { endpoints: 20, rounds: 1, seconds: 0.5 } : { endpoints: 5_000, rounds: 5, seconds: 4 };
    await measureScenarios(server, receiver, scale, note);
  }
  console.log(JSON.stringify(results));
} finally {
  await server.stop();
  receiver.stop();
}
process.exit(0);
