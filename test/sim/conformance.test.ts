/**
 * The simulated store is worth as much as it is like PostgreSQL: chains of statements, made up at random, are run on both, and
 * every answer and all rows are compared.
 */
import { randomFillSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeId, encodeId, IdSource, uuidText } from '../../packages/server/src/domain/ids.ts';
import type { ActiveDelivery, EndpointStatus, SettledAttempt } from '../../packages/server/src/domain/model.ts';
import { newDelivery } from '../../packages/server/src/domain/new-delivery.ts';
import { Database } from '../../packages/server/src/storage/database.ts';
import { migrate } from '../../packages/server/src/storage/migrate.ts';
import { postgresStore } from '../../packages/server/src/storage/postgres-store.ts';
import type { AcceptBatch, Store } from '../../packages/server/src/storage/store.ts';
import { Vault } from '../../packages/server/src/storage/vault.ts';
import { createDatabase } from '../support/database.ts';
import { removeEndpoint, setStatus, simulatedStore } from './store.ts';
import { hexOf, Tables } from './tables.ts';
import { Chance, seeded } from './world.ts';

const CHAINS = 40;
const STEPS = 60;
const ENDPOINTS = 3;
const NODES = 2;
const DAY_MS = 86_400_000;
const ids = new IdSource(() => Date.now(), randomFillSync);

interface Endpoint {
  id: string;
  uuid: Uint8Array;
}

/** One of the two, as chains use it. */
interface Backend {
  store: Store;
  nodes: number[];
  /** Epochs that it has answered, by endpoint: the two count differently. */
  epochs: Map<string, number[]>;
  createAccount(account: string, endpoints: readonly Endpoint[]): Promise<void>;
  setStatus(account: string, endpointId: string, status: EndpointStatus): Promise<void>;
  remove(account: string, endpointId: string): Promise<void>;
  rows(account: string): Promise<{ queue: { id: string }[] }>;
}

let database: Database;

beforeAll(async () => {
  const url = await createDatabase();
  await migrate({ connectionString: url }, () => {});
  database = new Database({ connectionString: url });
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  await postgresStore(database, new Vault([Buffer.alloc(32)])).retention.ensureDays([today, today + DAY_MS]);
});
afterAll(() => database.stop());

const urlOf = (id: string) => `http://127.0.0.1/${id}`;
// `infinity` is no Date.
const msOf = (time: Date | number | null) => (time === null ? null : Number(time));

function postgres(): Backend {
  const nodes: number[] = [];
  return {
    store: postgresStore(database, new Vault([Buffer.alloc(32)])),
    nodes,
    epochs: new Map(),
    async createAccount(account, endpoints) {
      const now = new Date();
      const facts = { id: account, name: account, contract: 'standard', metadata: {}, createdAt: now, updatedAt: now };
      await this.store.accounts.create(facts);
      for (const { id, uuid } of endpoints) {
        await database.run(
          `INSERT INTO endpoints (id, account_id, url, status, subscriptions, signature) VALUES ($1, $2, $3, 'active', '[]', 'v1')`,
          [uuidText(uuid), account, urlOf(id)],
        );
      }
    },
    async setStatus(account, endpointId, status) {
      const reason = status === 'active' ? null : 'user';
      await database.run(
        'UPDATE endpoints SET status = $3, inactive_reason = $4 WHERE account_id = $1 AND url = $2 AND status <> $3',
        [account, urlOf(endpointId), status, reason],
      );
    },
    async remove(account, endpointId) {
      await database.run('DELETE FROM endpoints WHERE account_id = $1 AND url = $2', [account, urlOf(endpointId)]);
    },
    async rows(account) {
      const queue = await database.run<{
        id: string;
        attempts: number;
        tries: number;
        due_at: Date;
        key: string | null;
      }>(
        "SELECT replace(id::text, '-', '') AS id, attempts, tries, due_at, ordering_key AS key FROM queue WHERE account_id = $1 ORDER BY 1",
        [account],
      );
      const lanes = await database.run<{ endpoint: string; node: number | null; next_due_at: Date | null }>(
        "SELECT replace(endpoint_id::text, '-', '') AS endpoint, node, next_due_at FROM lanes WHERE account_id = $1 ORDER BY 1",
        [account],
      );
      const ended = await database.run(
        "SELECT replace(id::text, '-', '') AS id, status, reason, attempts FROM deliveries WHERE account_id = $1 ORDER BY 1",
        [account],
      );
      const attempts = await database.run(
        `SELECT replace(delivery_id::text, '-', '') AS id, count(*)::int AS count FROM attempts
         WHERE delivery_id IN (SELECT id FROM queue WHERE account_id = $1 UNION SELECT id FROM deliveries WHERE account_id = $1)
         GROUP BY 1 ORDER BY 1`,
        [account],
      );
      return {
        queue: queue.map(({ due_at, ...row }) => ({ ...row, due: msOf(due_at) })),
        lanes: lanes.map(({ endpoint, node, next_due_at }) => ({
          endpoint,
          node: node === null ? null : nodes.indexOf(node),
          due: msOf(next_due_at),
        })),
        ended,
        attempts,
      };
    },
  };
}

function simulated(): Backend {
  const tables = new Tables();
  const nodes: number[] = [];
  const notify = { account: () => {}, lanes: () => {} };
  const server = { databaseMs: Date.now(), world: { nowMs: 0, wallMs: Date.now() }, endStatements: () => {} };
  const connection = {
    name: 'simulated',
    atomic: async <T>(run: () => T) => run(),
    statement: async <Seen, T>(look: () => Seen, write: (seen: Seen) => T) => write(look()),
  };
  const bySort = <T extends { id: string }>(rows: T[]) => rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    store: simulatedStore({ tables, connection, server, notify, secret: '' }),
    nodes,
    epochs: new Map(),
    async createAccount(account, endpoints) {
      tables.accounts.set(account, {
        contract: 'standard',
        version: 1,
        endpoints: new Set(endpoints.map(({ id }) => id)),
      });
      for (const { id, uuid } of endpoints) {
        const facts = {
          id,
          accountId: account,
          uuid,
          url: urlOf(id),
          status: 'active' as const,
          failures: 0,
          changes: 0,
        };
        tables.endpoints.set(id, { ...facts, testing: undefined });
      }
    },
    async setStatus(account, endpointId, status) {
      setStatus({ tables, server, notify }, account, endpointId, status);
    },
    async remove(account, endpointId) {
      if (tables.endpoints.has(endpointId)) removeEndpoint({ tables, server, notify }, account, endpointId);
    },
    async rows() {
      const queue = [...tables.queue.values()].map(({ id, attempts, tries, dueMs, orderingKey }) => ({
        id,
        attempts,
        tries,
        key: orderingKey,
        due: dueMs,
      }));
      const ended = [...tables.ended.values()].map(({ id, status, reason, attempts }) => ({
        id,
        status,
        reason,
        attempts,
      }));
      const known = new Set([...queue, ...ended].map(({ id }) => id));
      const attempts = [...tables.attempts].map(([id, made]) => ({ id, count: made.length }));
      const lanes = [...tables.lanes].map(([id, { node, nextDueMs }]) => ({
        id: hexOf(decodeId('ep', id) ?? new Uint8Array()),
        node: node === null ? null : nodes.indexOf(node),
        due: nextDueMs ?? null,
      }));
      return {
        queue: bySort(queue),
        lanes: bySort(lanes).map(({ id: endpoint, ...lane }) => ({ endpoint, ...lane })),
        ended: bySort(ended),
        attempts: bySort(attempts.filter(({ id }) => known.has(id))),
      };
    },
  };
}

/** A chain's own view: it says the same to both backends. */
class Chain {
  readonly account = ids.next('acc');
  readonly endpoints: Endpoint[] = Array.from({ length: ENDPOINTS }, () => {
    const uuid = ids.nextUuid();
    return { id: encodeId('ep', uuid), uuid };
  });
  private readonly deliveries: ActiveDelivery[] = [];
  private readonly removed = new Set<string>();
  private nowMs = Date.now();

  constructor(
    private readonly chance: Chance,
    private readonly backends: readonly Backend[],
  ) {}

  async run(): Promise<void> {
    for (const backend of this.backends) {
      await backend.createAccount(this.account, this.endpoints);
      for (let i = 0; i < NODES; i++) backend.nodes.push(await backend.store.nodes.register('here', i, ids.nextUuid()));
    }
    const done: string[] = [];
    for (let i = 0; i < STEPS; i++) {
      this.nowMs += this.chance.between(0, 2_000);
      const [name, step] = this.chance.pick(this.steps);
      done.push(name);
      await this.compare(step(), done);
    }
  }

  private async compare(step: (backend: Backend) => Promise<unknown>, done: readonly string[]): Promise<void> {
    const answers = [];
    for (const backend of this.backends) {
      const answer = await step(backend).catch(() => 'refused');
      answers.push({ answer, rows: await backend.rows(this.account) });
    }
    expect(answers[1], done.join(', ')).toEqual(answers[0]);
    // As an owner knows it.
    const queued = new Set(answers[0]?.rows.queue.map(({ id }) => id));
    for (const delivery of this.deliveries) delivery.isStored = queued.has(hexOf(delivery.uuid));
  }

  private readonly steps: (readonly [string, () => (backend: Backend) => Promise<unknown>])[] = [
    ['accept', () => this.accept()],
    ['accept', () => this.accept()],
    ['accept', () => this.accept()],
    ['claim', () => this.claim()],
    ['claim', () => this.claim()],
    ['settle', () => this.settle()],
    ['settle', () => this.settle()],
    ['settle', () => this.settle()],
    ['keep', () => this.keep()],
    ['retry', () => this.retry()],
    ['release', () => this.release()],
    ['release', () => this.release()],
    ['requeue', () => this.requeue()],
    ['take', () => this.take()],
    ['take', () => this.take()],
    ['let go', () => this.letGo()],
    ['let go', () => this.letGo()],
    ['behind', () => this.behind()],
    ['status', () => this.changeStatus()],
    ['remove', () => this.remove()],
    ['end deleted', () => this.endDeleted()],
    ['take over', () => this.takeOver()],
    ['bring forward', () => this.bringForward()],
    ['replay', () => this.replay()],
  ];

  private node() {
    const at = this.chance.between(0, NODES - 1);
    return (backend: Backend) => backend.nodes[at] ?? -1;
  }

  private endpoint(): Endpoint {
    return this.chance.pick(this.endpoints);
  }

  /** Mostly the newest epoch of a lane, now and then an older one. */
  private epoch(endpointId: string) {
    const back = this.chance.chance(0.8) ? 1 : 2;
    return ({ epochs }: Backend) => epochs.get(endpointId)?.at(-back) ?? 0;
  }

  /** The place of an epoch among those of its lane. */
  private noteEpoch({ epochs }: Backend, endpointId: string, epoch: number): number {
    const known = epochs.get(endpointId) ?? [];
    if (!known.includes(epoch)) known.push(epoch);
    epochs.set(endpointId, known);
    return known.indexOf(epoch);
  }

  private some(): ActiveDelivery[] {
    return this.deliveries.filter(() => this.chance.chance(0.3)).slice(-6);
  }

  private accept() {
    const { chance, account, nowMs } = this;
    const node = this.node();
    const uuid = ids.nextUuid();
    const payload = Buffer.from('{}');
    const facts = { accountId: account, trigger: 'a.b', byTopic: false, test: false };
    const event = { ...facts, id: encodeId('evt', uuid), uuid, externalId: null, payload, createdAtMs: nowMs };
    // The version of the account would refuse others.
    const chosen = this.endpoints.filter(({ id }) => chance.chance(0.6) && !this.removed.has(id));
    const orderingKey = chance.pick([null, null, 'a', 'b']);
    const planned = chosen.map((endpoint) => ({
      endpoint,
      isHandedOver: orderingKey === null && chance.chance(0.5),
      // Null: it does not know that it owns the lane.
      epoch: chance.chance(0.5) ? this.epoch(endpoint.id) : undefined,
      delivery: newDelivery(ids.nextUuid(), { ...endpoint, accountId: account }, null, event, false, orderingKey),
      isSkipped: chance.chance(0.1),
    }));
    const key = chance.chance(0.3) ? `key ${chance.between(1, 3)}` : undefined;
    return async (backend: Backend) => {
      const batch: AcceptBatch = {
        versions: new Map([[account, null]]),
        hasFeed: false,
        accountIds: [account],
        events: [
          {
            publication: 0,
            event,
            handedOver: planned.filter((p) => p.isHandedOver && !p.isSkipped).map((p) => p.delivery),
          },
        ],
        keys:
          key === undefined
            ? []
            : [{ publication: 0, accountId: account, key, digest: Buffer.alloc(32), eventId: event.id, deliveries: 1 }],
        planned: planned
          .filter(({ isHandedOver, epoch, isSkipped }) => !isSkipped && (!isHandedOver || epoch === undefined))
          .map(({ delivery, isHandedOver }) => ({ publication: 0, delivery, dueAtMs: nowMs, isHandedOver })),
        skipped: planned
          .filter(({ isSkipped }) => isSkipped)
          .map(({ delivery }) => ({ publication: 0, delivery, reason: 'endpoint_inactive' as const })),
        lanes: new Map(
          planned
            .filter(({ isSkipped }) => !isSkipped)
            .map(({ endpoint, epoch }) => [
              endpoint.id,
              { endpointUuid: endpoint.uuid, accountId: account, epoch: epoch === undefined ? null : epoch(backend) },
            ]),
        ),
        nowMs,
      };
      const { refused, stale, lanes, lost } = await backend.store.queue.accept(batch, node(backend), true);
      if (refused.size === 0 && backend === this.backends[0])
        this.deliveries.push(...planned.map(({ delivery }) => delivery));
      const owners = lanes.map((lane) => ({
        ...lane,
        node: lane.node === null ? null : backend.nodes.indexOf(lane.node),
        epoch: this.noteEpoch(backend, lane.endpointId, lane.epoch),
      }));
      const byLane = (a: { endpointId: string }, b: { endpointId: string }) => (a.endpointId < b.endpointId ? -1 : 1);
      return { refused: [...refused], stale, lost: [...lost].sort(), owners: owners.sort(byLane) };
    };
  }

  private claim() {
    const node = this.node();
    const asked = this.endpoints.map((endpoint) => ({
      endpoint,
      epoch: this.epoch(endpoint.id),
      room: this.chance.between(1, 5),
    }));
    const inMemory = this.some().map(({ uuid }) => uuid);
    return async (backend: Backend) => {
      const lanes = new Map(asked.map(({ endpoint, epoch, room }) => [endpoint.id, { epoch: epoch(backend), room }]));
      const claimed = await backend.store.queue.claim(lanes, inMemory, 1e9, node(backend), this.nowMs);
      const found = claimed.deliveries.map(({ uuid, attempts, attemptsThisRound, isUrgent, orderingKey }) => ({
        orderingKey,
        id: hexOf(uuid),
        attempts,
        attemptsThisRound,
        isUrgent,
      }));
      for (const { uuid, attempts, attemptsThisRound } of claimed.deliveries) {
        const known = this.deliveries.find((one) => Buffer.compare(one.uuid, uuid) === 0);
        if (known) Object.assign(known, { attempts, attemptsThisRound });
      }
      return {
        found: found.sort((a, b) => (a.id < b.id ? -1 : 1)),
        lanes: [...claimed.lanes].sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1)),
      };
    };
  }

  private settle() {
    const { chance, nowMs } = this;
    const node = this.node();
    const isRepeated = chance.chance(0.3);
    const settled = this.some().map((delivery) => ({
      delivery: { ...delivery },
      epoch: this.epoch(delivery.endpointId),
      decision: chance.pick([
        { kind: 'succeeded' },
        { kind: 'retry', delayMs: 5_000 },
        { kind: 'discarded', reason: 'retries_exhausted', endpointGone: false },
      ] as const),
    }));
    return async (backend: Backend) => {
      const attempts = settled.map(
        ({ delivery, epoch, decision }): SettledAttempt => ({
          delivery: { ...delivery, epoch: epoch(backend) },
          startedAtMs: nowMs,
          url: '',
          requestHeaders: [],
          ownHeaders: { id: null, values: [] },
          outcome: { timings: { total: 1 } },
          decision,
        }),
      );
      // Each by itself: what a row that is refused does to the others is the settler's concern.
      const answers = [];
      for (const attempt of attempts) {
        const settle = backend.store.queue.settle([attempt], node(backend), nowMs, [], isRepeated);
        answers.push(
          await settle.then(
            (uncounted) => [...uncounted],
            () => 'refused',
          ),
        );
      }
      return answers;
    };
  }

  private release() {
    const { id } = this.endpoint();
    const key = this.chance.pick(['a', 'b']);
    return (backend: Backend) => backend.store.orderingKeys.release(this.account, id, key);
  }

  private keep() {
    const node = this.node();
    const kept = this.some().map((delivery) => ({ delivery: { ...delivery }, epoch: this.epoch(delivery.endpointId) }));
    return async (backend: Backend) => {
      const notes = kept.map(({ delivery, epoch }) => ({
        delivery: { ...delivery, epoch: epoch(backend) },
        isSending: false,
      }));
      if (notes.length === 0) return [];
      const lost = await backend.store.queue.keep(notes, node(backend));
      return notes.map(({ delivery }) => lost.has(delivery));
    };
  }

  private retry() {
    const node = this.node();
    const [delivery] = this.some();
    return async (backend: Backend) => {
      if (!delivery) return undefined;
      const id = encodeId('dlv', delivery.uuid);
      const owner = await backend.store.queue.retry(this.account, id, node(backend), true);
      if (!owner) return undefined;
      const epoch = this.noteEpoch(backend, owner.endpointId, owner.epoch);
      return { endpointId: owner.endpointId, node: backend.nodes.indexOf(owner.node ?? -1), epoch };
    };
  }

  private requeue() {
    const { nowMs } = this;
    const some = this.some();
    return async (backend: Backend) => (some.length === 0 ? 0 : backend.store.queue.requeue(some, nowMs));
  }

  private take() {
    const node = this.node();
    const { nowMs } = this;
    return async (backend: Backend) => {
      const taken = await backend.store.lanes.take(node(backend), nowMs, 1_000);
      return taken
        .filter(({ accountId }) => accountId === this.account)
        .map(({ endpointId, epoch }) => ({ endpointId, epoch: this.noteEpoch(backend, endpointId, epoch) }))
        .sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
    };
  }

  private letGo() {
    const node = this.node();
    const { id } = this.endpoint();
    const epoch = this.epoch(id);
    return async (backend: Backend) => {
      await backend.store.lanes.letGo([{ endpointId: id, epoch: epoch(backend) }], node(backend));
      const owned = await backend.store.lanes.owned(node(backend));
      return owned.map(({ endpointId }) => endpointId).sort();
    };
  }

  private behind() {
    const { nowMs } = this;
    const inMemory = this.some().map(({ uuid }) => uuid);
    const all = this.endpoints.map(({ id }) => id);
    return async (backend: Backend) => (await backend.store.lanes.behind(all, inMemory, nowMs)).sort();
  }

  private changeStatus() {
    const { id } = this.endpoint();
    const status = this.chance.chance(0.5) ? 'active' : 'inactive';
    return (backend: Backend) => backend.setStatus(this.account, id, status);
  }

  private remove() {
    const { id } = this.endpoint();
    const isDone = this.chance.chance(0.2);
    if (isDone) this.removed.add(id);
    return async (backend: Backend) => {
      if (isDone) await backend.remove(this.account, id);
    };
  }

  private endDeleted() {
    const node = this.node();
    const { id } = this.endpoint();
    const epoch = this.epoch(id);
    const inMemory = this.some().map(({ uuid }) => uuid);
    return (backend: Backend) => {
      const lane = { endpointId: id, accountId: this.account, epoch: epoch(backend) };
      return backend.store.lanes.endDeleted(lane, inMemory, node(backend));
    };
  }

  /** The first node declares the second one dead, takes over, and another one comes in its place. */
  private takeOver() {
    const { nowMs } = this;
    const isDone = this.chance.chance(0.3);
    const watermark = ids.nextUuid();
    return async (backend: Backend) => {
      if (!isDone) return undefined;
      const [first = -1, second = -1] = backend.nodes;
      const seen = (await backend.store.nodes.list()).filter(({ id }) => id === second);
      const isBeating = await backend.store.nodes.beat(second, IDLE, watermark);
      const tooLate = await backend.store.nodes.declareDead(first, seen);
      const again = (await backend.store.nodes.list()).filter(({ id }) => id === second);
      const dead = (await backend.store.nodes.declareDead(first, again)).filter(({ id }) => id === second);
      const isAlive = await backend.store.nodes.beat(second, IDLE, watermark);
      const results = [];
      for (const one of dead) results.push(await backend.store.nodes.takeOver({ ...one, name: null }, nowMs));
      backend.nodes[1] = await backend.store.nodes.register('here', 1, ids.nextUuid());
      return {
        isBeating,
        tooLate: tooLate.filter(({ id }) => id === second).length,
        dead: dead.length,
        isAlive,
        results,
      };
    };
  }

  private bringForward() {
    const { nowMs } = this;
    const soonMs = nowMs + this.chance.between(-3_000, 3_000);
    return (backend: Backend) => backend.store.queue.bringForward({ nowMs, soonMs, latestMs: soonMs + 4_000 });
  }

  private replay() {
    const { nowMs, account } = this;
    const id = ids.next('rpl');
    const endpointId = this.chance.chance(0.5) ? this.endpoint().id : undefined;
    const filter = {
      fromMs: nowMs - 3_600_000,
      toMs: nowMs + 3_600_000,
      ...(endpointId === undefined ? {} : { endpointId }),
    };
    return async ({ store }: Backend) => {
      const { count } = await store.replays.count(account, filter);
      const replay = { id, accountId: account, filter, total: count, done: 0, perS: 3, status: 'running' as const };
      const isCreated = await store.replays.create(replay, nowMs, 1_000);
      await store.replays.advance(id, nowMs);
      await store.replays.advance(id, nowMs);
      const { done, status } = (await store.replays.find(account, id)) ?? {};
      return { count, isCreated, done, status };
    };
  }
}

const IDLE = { finishedPerS: 0, inFlight: 0, inMemory: 0, backlogged: 0 };

test(`${CHAINS} chains of ${STEPS} statements go the same way in PostgreSQL and in the simulated store`, async () => {
  for (let seed = 1; seed <= CHAINS; seed++) {
    await database.run('UPDATE nodes SET dead_at = now() WHERE dead_at IS NULL');
    for (const table of ['queue', 'lanes', 'replays']) await database.run(`DELETE FROM ${table}`);
    await new Chain(new Chance(seeded(seed)), [postgres(), simulated()]).run();
  }
}, 300_000);
