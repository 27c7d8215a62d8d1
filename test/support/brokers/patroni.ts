/** PostgreSQL that fails over: Patroni with etcd, a primary and its synchronous standby. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../node.ts';
import { type Broker, findProgram, freePort, newFolder, startBroker } from './broker.ts';

const PATRONI = findProgram('patroni');
const ETCD = findProgram('etcd');
const BINARIES = existsSync('/usr/lib/postgresql')
  ? readdirSync('/usr/lib/postgresql')
      .map((version) => `/usr/lib/postgresql/${version}/bin`)
      .findLast((folder) => existsSync(join(folder, 'pg_rewind')))
  : undefined;
export const hasPatroni = PATRONI !== undefined && ETCD !== undefined && BINARIES !== undefined;

/** PostgreSQL does not run as root. */
const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined;

export interface Cluster {
  /** With all servers. */
  url: string;
  /** The port of the one that is the primary, once there is one, with a synchronous standby. */
  primary(): Promise<number>;
  /** The port of whoever is the primary now, as Patroni says. */
  promoted(): Promise<number | undefined>;
  /** Kills the primary's PostgreSQL; the other one is promoted, and this one comes back as its standby. */
  killPrimary(): Promise<void>;
  /**
   * Stops the primary's processes where they are, as a machine that is cut off. Answers what lets PostgreSQL go on, and nobody
   * tell it that another one was chosen.
   */
  freezePrimary(): Promise<() => void>;
  stop(): Promise<void>;
}

interface Member {
  port: number;
  restPort: number;
  broker: Broker;
  folder: string;
}

export async function startCluster(): Promise<Cluster> {
  const etcd = await startEtcd();
  const members: Member[] = [];
  for (const name of ['one', 'two']) members.push(await startMember(name, etcd.url));
  const leader = async () => {
    for (const member of members) {
      const isPrimary = await answers(member, 'primary');
      if (isPrimary) return member;
    }
    throw new Error('there is no primary');
  };
  const ready = () =>
    eventually(
      async () => {
        const primary = await leader().catch(() => undefined);
        const others = members.filter((one) => one !== primary);
        const isSynchronous = (await Promise.all(others.map((one) => answers(one, 'synchronous')))).some(Boolean);
        return primary && isSynchronous ? primary : undefined;
      },
      (member) => member !== undefined,
      90_000,
    ) as Promise<Member>;
  await ready();
  return {
    url: `postgres://postgres:x@${members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/postgres?target_session_attrs=read-write`,
    primary: async () => (await ready()).port,
    promoted: async () => (await leader().catch(() => undefined))?.port,
    async killPrimary() {
      const { folder } = await ready();
      signal('KILL', folder);
    },
    async freezePrimary() {
      const { folder } = await ready();
      signal('STOP', folder);
      return () => signal('CONT', folder);
    },
    async stop() {
      for (const { broker, folder } of members) {
        signal('KILL', folder);
        await broker.stop();
      }
      await etcd.stop();
    },
  };
}

/** To PostgreSQL's processes whose data is here, and with STOP to Patroni, too. */
function signal(name: 'KILL' | 'STOP' | 'CONT', folder: string): void {
  const what = name === 'STOP' ? folder : `-D ${join(folder, 'data')}`;
  const { stdout } = spawnSync('pgrep', ['-f', '--', what], { encoding: 'utf8' });
  const pids = stdout.split('\n').filter((pid) => pid !== '');
  const children = pids.flatMap((pid) => spawnSync('pgrep', ['-P', pid], { encoding: 'utf8' }).stdout.split('\n'));
  const all = [...new Set([...pids, ...children])].filter((pid) => pid !== '');
  spawnSync('kill', [`-${name}`, ...all]);
}

async function answers({ restPort }: Member, path: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${restPort}/${path}`, { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  return answer?.status === 200;
}

async function startEtcd(): Promise<Broker> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const folder = newFolder('etcd');
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return await startBroker({
    url,
    folder,
    command: ETCD ?? '',
    args: [
      ...['--data-dir', join(folder, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ],
    isReady: async () => {
      if (!(await fetch(`${url}/health`)).ok) throw new Error('not healthy');
    },
  });
}

async function startMember(name: string, etcdUrl: string): Promise<Member> {
  const [port, restPort] = [await freePort(), await freePort()];
  const folder = newFolder('patroni');
  mkdirSync(join(folder, 'run'));
  const settings = join(folder, 'patroni.json');
  const account = (username: string) => ({ username, password: 'x' });
  writeFileSync(
    settings,
    JSON.stringify({
      scope: 'test',
      name,
      restapi: { listen: `127.0.0.1:${restPort}`, connect_address: `127.0.0.1:${restPort}` },
      etcd3: { host: etcdUrl.replace('http://', '') },
      bootstrap: {
        dcs: {
          ttl: 20,
          loop_wait: 1,
          retry_timeout: 3,
          primary_start_timeout: 0,
          master_start_timeout: 0,
          synchronous_mode: true,
          postgresql: {
            use_pg_rewind: true,
            parameters: { max_connections: 100, wal_keep_size: '256MB', shared_buffers: '64MB' },
          },
        },
        initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
      },
      postgresql: {
        listen: `127.0.0.1:${port}`,
        connect_address: `127.0.0.1:${port}`,
        data_dir: join(folder, 'data'),
        bin_dir: BINARIES,
        authentication: {
          superuser: account('postgres'),
          replication: account('replicator'),
          rewind: account('rewinder'),
        },
        parameters: { unix_socket_directories: join(folder, 'run') },
        pg_hba: ['host all all 127.0.0.1/32 md5', 'host replication all 127.0.0.1/32 md5', 'local all all trust'],
      },
    }),
  );
  if (user) {
    for (const path of [folder, join(folder, 'run'), settings]) chownSync(path, user.uid, user.gid);
    chmodSync(folder, 0o755);
  }
  const broker = await startBroker({
    url: `http://127.0.0.1:${restPort}`,
    folder,
    command: PATRONI ?? '',
    args: [settings],
    ...(user ? { user } : {}),
    env: { HOME: folder },
    async isReady() {
      const answer = await fetch(`http://127.0.0.1:${restPort}/health`);
      if (!answer.ok) throw new Error('not running yet');
    },
  });
  return { port, restPort, broker, folder };
}

function idsOf(name: string): { uid: number; gid: number } | undefined {
  const ids = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim());
  return ids.every((id) => /^\d+$/.test(id)) ? { uid: Number(ids[0]), gid: Number(ids[1]) } : undefined;
}
