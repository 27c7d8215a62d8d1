/**
 * One, two, three cells, each with a PostgreSQL that has a fixed share of a processor: what a further database adds. The server and
 * the load have what is left of the machine.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '@posthorn/server/dist/storage/embedded.js';
import { call, createAccount } from './api.js';
import { closedLoop } from './load.js';
import { type Receiver, startPosthorn } from './processes.js';

const CELLS_MAX = 3;
const ACCOUNTS = 6;
const CONNECTIONS = 64;
const TIMEOUT_MS = 300_000;
const PERIOD_US = 100_000;

interface Limited {
  url: string;
  stop(): Promise<void>;
}

/** Events a second, end to end, by number of cells; nothing where processes cannot be limited. */
export async function measureCells(
  receiver: Receiver,
  { share, seconds, rounds }: { share: number; seconds: number; rounds: number },
  note: (name: string, value: unknown) => void,
): Promise<void> {
  if (!controllerOf()) {
    note('cells', 'not measured: processors cannot be shared out here (cgroups of cpu, as root)');
    return;
  }
  const byCells: Record<number, number> = {};
  for (let cells = 1; cells <= CELLS_MAX; cells++)
    byCells[cells] = await measure(receiver, cells, share, seconds, rounds);
  const ratio = (cells: number) => Math.round(((byCells[cells] ?? 0) / (byCells[1] ?? 1)) * 100) / 100;
  note(`events_per_s_by_cells_with_${share}_of_a_processor_each`, { ...byCells, ratio_2: ratio(2), ratio_3: ratio(3) });
}

async function measure(
  receiver: Receiver,
  cells: number,
  share: number,
  seconds: number,
  rounds: number,
): Promise<number> {
  const databases: Limited[] = [];
  for (let i = 0; i < cells; i++) databases.push(await startLimited(i, share));
  const [first, ...others] = databases;
  const server = await startPosthorn({
    DATABASE_URL: first?.url ?? '',
    POSTHORN_CELLS: others.map(({ url }, i) => `cell${i + 2}=${url}`).join(' '),
  });
  try {
    const { port } = server;
    const names = ['first', ...others.map((_, i) => `cell${i + 2}`)];
    const accounts = Array.from({ length: ACCOUNTS }, (_, i) => `account-${i}`);
    for (const [i, account] of accounts.entries()) {
      await createAccount(port, account, receiver.url('ok'), 1);
      await move(port, account, names[i % names.length] ?? 'first', names.at(-1) ?? 'first');
    }
    const measured: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      await receiver.reset();
      const startedAt = performance.now();
      const events = await closedLoop({ port, accounts, batch: 1, connections: CONNECTIONS }, { ms: seconds * 1000 });
      await receiver.waitFor(events, TIMEOUT_MS);
      // The first one warms up.
      if (round > 0) measured.push(events / ((performance.now() - startedAt) / 1000));
    }
    return Math.round(measured.sort((a, b) => a - b)[Math.floor(measured.length / 2)] ?? 0);
  } finally {
    await server.stop();
    for (const database of databases) await database.stop();
  }
}

async function move(port: number, account: string, cell: string, from: string): Promise<void> {
  if (cell === from) return;
  const path = `/v1/accounts/${account}/move`;
  await call(port, 'POST', path, { cell });
  for (;;) {
    const { state } = await call<{ state: string }>(port, 'GET', path);
    if (state === 'finished') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function startLimited(number: number, share: number): Promise<Limited> {
  const folder = mkdtempSync(join(tmpdir(), 'posthorn-bench-cell-'));
  const postgres = new EmbeddedPostgres(folder, () => {});
  await postgres.start();
  const pid = readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0] ?? '';
  const group = join(controllerOf() ?? '', `posthorn-bench-${process.pid}-${number}`);
  mkdirSync(group);
  const quota = Math.round(share * PERIOD_US);
  if (existsSync(join(group, 'cpu.max'))) writeFileSync(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`);
  else writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quota));
  // Each process: its children that come later are in the same group.
  for (const one of [pid, ...childrenOf(pid)]) writeFileSync(join(group, 'cgroup.procs'), one);
  return {
    url: postgres.url,
    async stop() {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
      rmdirSync(group);
    },
  };
}

function childrenOf(pid: string): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((one) => one !== '');
}

/** Where groups of processes are given a share of the processors; undefined: nowhere, or not by us. */
function controllerOf(): string | undefined {
  for (const folder of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup']) {
    if (folder === '/sys/fs/cgroup' && !existsSync(join(folder, 'cgroup.controllers'))) continue;
    const probe = join(folder, `posthorn-bench-${process.pid}`);
    try {
      mkdirSync(probe);
      const isRight = existsSync(join(probe, 'cpu.max')) || existsSync(join(probe, 'cpu.cfs_quota_us'));
      rmdirSync(probe);
      if (isRight) return folder;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
