import { int8s, uuids } from './arrays.ts';
import type { Database } from './database.ts';
import { fromUuidText, toUuid, toUuidText } from './rows.ts';
import { statement } from './statement.ts';
import type { LaneOwner, LaneStore, OwnedLane } from './store.ts';

const TAKE = statement('lanes_take').text;
const LOCK = statement('lanes_lock').text;
const LET_GO = statement('lanes_let_go').text;
const BEHIND = statement('lanes_behind');
const END_DELETED = statement('end_deleted').text;
/** A statement that takes many out of one line gets slower with each. */
const ENDED_AT_ONCE = 2_000;

type OwnedRow = { endpoint_id: string; account_id: string; epoch: string };

const toOwned = (row: OwnedRow): OwnedLane => ({
  endpointId: fromUuidText('ep', row.endpoint_id),
  accountId: row.account_id,
  epoch: Number(row.epoch),
});

/** Of a lane that a statement is about. */
export interface LaneRow {
  endpoint_id: string;
  node: number | null;
  /** Null: the lane is lost. */
  epoch: string | null;
  /** Only of accepting. */
  is_new?: boolean | null;
}

export function isLaneRow<Row extends { endpoint_id: string | null }>(row: Row): row is Row & LaneRow {
  return row.endpoint_id !== null;
}

export function toLaneOwner({ endpoint_id, node, epoch, is_new }: LaneRow): LaneOwner | undefined {
  if (epoch === null) return undefined;
  return { endpointId: fromUuidText('ep', endpoint_id), node, epoch: Number(epoch), isNew: is_new === true };
}

export const endpointUuids = (ids: readonly string[]) => uuids(ids.map((id) => toUuid('ep', id)));

/** Of lanes that have been locked by a statement before this one: it sees what was put into them until then. */
export async function letGoOfLocked(run: Database['run'], locked: readonly { endpoint_id: string }[]): Promise<void> {
  await run(LET_GO, [`{${locked.map((row) => row.endpoint_id).join(',')}}`]);
}

export function laneStore(database: Database): LaneStore {
  return {
    async take(node, nowMs, limit) {
      return (await database.maintain<OwnedRow>(TAKE, [node, new Date(nowMs), limit])).map(toOwned);
    },

    async owned(node) {
      const text = 'SELECT endpoint_id, account_id, epoch::text FROM lanes WHERE node = $1';
      return (await database.maintain<OwnedRow>(text, [node])).map(toOwned);
    },

    letGo(lanes, node) {
      // The look at what is left is a statement of its own: it sees what was stored before the lock was there.
      return database.transaction(async (run) => {
        const locked = await run<{ endpoint_id: string }>(LOCK, [
          node,
          endpointUuids(lanes.map((lane) => lane.endpointId)),
          int8s(lanes.map((lane) => lane.epoch)),
        ]);
        if (locked.length > 0) await letGoOfLocked(run, locked);
      });
    },

    async behind(endpointIds, inMemory, nowMs) {
      const rows = await database.hot<{ endpoint_id: string }>(BEHIND, [
        endpointUuids(endpointIds),
        uuids(inMemory),
        new Date(nowMs),
      ]);
      return rows.map((row) => fromUuidText('ep', row.endpoint_id));
    },

    async endDeleted({ endpointId, epoch }, inMemory, node) {
      const [row] = await database.maintain<{ ended: number }>(END_DELETED, [
        toUuidText('ep', endpointId),
        epoch,
        node,
        uuids(inMemory),
        ENDED_AT_ONCE,
      ]);
      return row?.ended === ENDED_AT_ONCE;
    },
  };
}
