/** What others notice of accounts that are in trouble: the same measurement alone and beside each of them, in turn. */
import { call, createAccount } from './api.js';
import { closedLoop, openLoop } from './load.js';
import type { Receiver, Target } from './processes.js';

export interface Scale {
  /** Endpoints that hang together, and endpoints whose retries are an hour away. */
  endpoints: number;
  rounds: number;
  seconds: number;
}

interface Measured {
  p50: number;
  p99: number;
}

const ENDPOINTS_OF_ACCOUNT = 100;
/** Of all others together. */
const RATE_PER_S = 500;
const OTHERS = Array.from({ length: 49 }, (_, i) => `other-${i}`);
/** A hundred times as much as each of the others. */
const LOUD_PER_S = 1_000;
const TIMEOUT_MS = 300_000;
const AT_A_TIME = 16;
const SETTLED_TIMES = 5;

export async function measureScenarios(
  server: Target,
  receiver: Receiver,
  { endpoints, rounds, seconds }: Scale,
  note: (name: string, value: unknown) => void,
): Promise<void> {
  const { port } = server;
  for (const account of OTHERS) await createAccount(port, account, receiver.url('ok'), 1);
  const compare = async (name: string, before: Measured) => {
    const beside = await measure(port, receiver, rounds, seconds);
    const ratio = (a: number, b: number) => Math.round((a / b) * 100) / 100;
    note(name, { ...beside, p50_ratio: ratio(beside.p50, before.p50), p99_ratio: ratio(beside.p99, before.p99) });
  };

  // The same number of events, spread over many accounts or of one: so the machine has the same to do.
  const many = Array.from({ length: 50 }, (_, i) => `noise-${i}`);
  for (const account of many) await createAccount(port, account, receiver.url('noise'), 1);
  const spread = await besides(port, many, () => measure(port, receiver, rounds, seconds));
  note('others_beside_50_accounts', spread);
  await besides(port, many.slice(0, 1), () => compare('others_beside_one_account_with_all_of_that', spread));

  const alone = await measure(port, receiver, rounds, seconds);
  note('others_alone', alone);
  const far = await createMany(port, 'far', receiver.url('later'), endpoints);
  for (const account of far) await closedLoop({ port, accounts: [account], batch: 1, connections: 1 }, { events: 1 });
  await settle(seconds);
  await compare(`others_beside_${endpoints}_endpoints_whose_retries_are_an_hour_away`, alone);
  note('retry_ms_after_it_was_due', await retryLateness(port, receiver));

  const cloud = await createMany(port, 'cloud', receiver.url('hang'), endpoints);
  for (const account of cloud) await closedLoop({ port, accounts: [account], batch: 1, connections: 1 }, { events: 1 });
  await settle(seconds);
  await compare(`others_beside_${endpoints}_endpoints_that_hang`, alone);
}

/** Measures while these accounts publish a hundred times as much as each of the others, together. */
async function besides<T>(port: number, accounts: string[], run: () => Promise<T>): Promise<T> {
  let isOver = false;
  const publishing = (async () => {
    while (!isOver) await openLoop({ port, accounts, batch: 1, connections: 0 }, LOUD_PER_S, 1_000);
  })();
  const result = await run();
  isOver = true;
  await publishing;
  return result;
}

/** Accounts with so many endpoints in all. */
async function createMany(port: number, name: string, url: string, endpoints: number): Promise<string[]> {
  const accounts = Array.from({ length: Math.ceil(endpoints / ENDPOINTS_OF_ACCOUNT) }, (_, i) => `${name}-${i}`);
  for (const account of accounts) {
    await call(port, 'POST', '/v1/accounts', { id: account, name: account, contract: 'standard' });
    let left = Math.min(ENDPOINTS_OF_ACCOUNT, endpoints);
    const create = async () => {
      while (left-- > 0)
        await call(port, 'POST', `/v1/accounts/${account}/endpoints`, { url, subscriptions: [{ trigger: '*' }] });
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, create));
  }
  return accounts;
}

async function measure(port: number, receiver: Receiver, rounds: number, seconds: number): Promise<Measured> {
  const all: Measured[] = [];
  for (let i = 0; i < rounds; i++) {
    await receiver.reset(true);
    const before = await openLoop({ port, accounts: OTHERS, batch: 1, connections: 0 }, RATE_PER_S, seconds * 1000);
    await receiver.waitFor(before, TIMEOUT_MS);
    const { latencies } = await receiver.report();
    const at = (q: number) => Math.round((latencies[Math.floor(latencies.length * q)] ?? Number.NaN) * 100) / 100;
    all.push({ p50: at(0.5), p99: at(0.99) });
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
  return { p50: median(all.map(({ p50 }) => p50)), p99: median(all.map(({ p99 }) => p99)) };
}

/** What creating and storing all of that leaves to do for PostgreSQL is not what is measured. */
async function settle(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * SETTLED_TIMES * 1_000));
}

/** A hundred deliveries that are refused once and asked to come again after six seconds: how late the second requests are. */
async function retryLateness(port: number, receiver: Receiver): Promise<Measured & { max: number }> {
  await createAccount(port, 'again', receiver.url('again'), 1);
  await receiver.reset(true);
  const events = await closedLoop({ port, accounts: ['again'], batch: 1, connections: 4 }, { events: 100 });
  await receiver.waitFor(events, TIMEOUT_MS);
  const { latencies } = await receiver.report();
  const at = (q: number) =>
    Math.round(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
