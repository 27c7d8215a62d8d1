/** A rolling upgrade: nodes of the version before, which lease deliveries, run beside one that owns lanes. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrate, readMigrations } from '../../packages/server/src/storage/migrate.ts';
import { createDatabase, query } from '../support/database.ts';
import { eventually, startTestNode, type TestNode } from '../support/node.ts';
import { Receiver } from '../support/receiver.ts';

/** The newest migration of the version before. */
const BEFORE = 15;

let url: string;
let receiver: Receiver;
let node: TestNode;
let old: OldNode;

/** What a node of the version before does with the database, in its own words. */
class OldNode {
  private constructor(
    readonly id: number,
    private readonly beat: NodeJS.Timeout,
  ) {}

  static async start(): Promise<OldNode> {
    const [row] = await query<{ id: number }>(url, "INSERT INTO nodes (host, pid) VALUES ('old', 1) RETURNING id");
    const id = row?.id ?? 0;
    const beat = setInterval(() => {
      query(url, 'UPDATE nodes SET heartbeat_at = now() WHERE id = $1', [id]).catch(() => {});
    }, 1_000);
    return new OldNode(id, beat);
  }

  claim(limit: number): Promise<{ id: string }[]> {
    return query(
      url,
      `UPDATE queue SET lease_node = $1 WHERE id IN (
         SELECT id FROM queue WHERE lease_node IS NULL AND due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING id::text`,
      [this.id, limit],
    );
  }

  async settle(ids: string[]): Promise<void> {
    await query(
      url,
      `WITH ended AS (DELETE FROM queue WHERE id = ANY ($2::uuid[]) AND lease_node = $1 RETURNING *)
       INSERT INTO deliveries (account_id, id, endpoint_id, event_id, topic, trigger, test, status, attempts, finished_at)
       SELECT account_id, id, endpoint_id, event_id, topic, trigger, test, 'succeeded', 1, now() FROM ended`,
      [this.id, ids],
    );
  }

  /** @param isKilled it leaves its leases behind, and a heartbeat that ages */
  async stop(isKilled: boolean): Promise<void> {
    clearInterval(this.beat);
    if (isKilled)
      await query(url, "UPDATE nodes SET heartbeat_at = now() - interval '1 minute' WHERE id = $1", [this.id]);
    else {
      await query(url, 'UPDATE queue SET lease_node = NULL WHERE lease_node = $1', [this.id]);
      await query(url, 'DELETE FROM nodes WHERE id = $1', [this.id]);
    }
  }
}

beforeEach(async () => {
  url = await createDatabase();
  receiver = await Receiver.start();
  const before = readMigrations().filter(({ version }) => version <= BEFORE);
  await migrate({ connectionString: url }, () => {}, before);
  old = await OldNode.start();
  node = await startTestNode({ databaseUrl: url });
});
afterEach(async () => {
  await old.stop(true);
  await node.stop();
  await receiver.stop();
});

test.each(['stops', 'is killed'])(
  'the new node accepts while the old one delivers, until that %s; nothing is lost',
  async (fate) => {
    const { account } = await node.createEndpoint(receiver.url());
    const publish = () =>
      node.call('POST', `/v1/accounts/${account}/events/batch`, {
        events: Array(100).fill({ trigger: 'a', payload: 1 }),
      });
    expect((await publish()).status).toBe(202);
    expect((await publish()).status).toBe(202);
    expect((await node.call('GET', '/readyz')).status).toBe(200);
    const claimed = await old.claim(120);
    await old.settle(claimed.slice(0, 50).map(({ id }) => id));
    // Whoever asks for a delivery gets it from the old node, too.
    const [waiting] = await query<{ id: string }>(url, 'SELECT id::text FROM queue WHERE lease_node IS NULL LIMIT 1');
    expect(waiting).toBeDefined();
    expect(receiver.requests).toHaveLength(0);
    await old.stop(fate === 'is killed');
    await receiver.received(150);
    await eventually(
      () => query(url, "SELECT FROM deliveries WHERE status = 'succeeded'"),
      (rows) => rows.length === 200,
    );
    expect(receiver.requests).toHaveLength(150);
    // Should the old node come back from a long pause, it finds nothing that it could write to.
    await expect(old.claim(1)).rejects.toThrow(/lease_node/);
  },
);

test('retries that wait for the old node, and what is held, go over to the new one', async () => {
  const { account, endpoint } = await node.createEndpoint(receiver.url());
  await node.publish(account, 'a', 1);
  await query(url, "UPDATE queue SET attempts = 1, tries = 1, due_at = now() + interval '3 seconds'");
  const held = await node.createEndpoint(receiver.url('/held'));
  await node.publish(held.account, 'a', 2);
  await node.call('POST', `/v1/accounts/${held.account}/endpoints/${held.endpoint}/deactivate`);
  await old.stop(false);
  await receiver.received(1);
  expect(receiver.requests.map(({ path }) => path)).toEqual(['/hook']);
  await node.call('POST', `/v1/accounts/${held.account}/endpoints/${held.endpoint}/activate`);
  await receiver.received(2);
  expect(endpoint).toBeDefined();
});
