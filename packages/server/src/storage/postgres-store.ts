import { accountCellStore } from './account-cells.ts';
import { accountNoticeStore } from './account-notices.ts';
import { accountStore } from './accounts.ts';
import { binStore } from './bins.ts';
import { chartStore } from './charts.ts';
import type { Database } from './database.ts';
import { tokenStore } from './endpoint-auth.ts';
import { endpointStore } from './endpoints.ts';
import { eventTypeStore } from './event-types.ts';
import { feedStore } from './feeds.ts';
import { healthStore } from './health.ts';
import { deliveryStore, eventStore } from './history.ts';
import { keyStore } from './keys.ts';
import { laneStore } from './lanes.ts';
import { nodeStore, overviewStore, settingStore } from './nodes.ts';
import { noticeStore } from './notices.ts';
import { operatorKeyStore } from './operator-keys.ts';
import { orderingKeyStore } from './ordering-keys.ts';
import { queueStore } from './queue.ts';
import { replayStore } from './replays.ts';
import { retentionStore } from './retention.ts';
import { scheduledEventStore } from './scheduled-events.ts';
import { sealedStore } from './sealed.ts';
import { auditStore, sessionStore } from './sessions.ts';
import { sourceStore } from './sources.ts';
import type { Store } from './store.ts';
import type { Vault } from './vault.ts';

/** The Store on PostgreSQL. */
export function postgresStore(database: Database, vault: Vault): Store {
  return {
    accounts: accountStore(database, vault),
    accountCells: accountCellStore(database),
    endpoints: endpointStore(database, vault),
    events: eventStore(database),
    deliveries: deliveryStore(database, vault),
    queue: queueStore(database),
    lanes: laneStore(database),
    health: healthStore(database),
    notices: noticeStore(database),
    keys: keyStore(database),
    sessions: sessionStore(database),
    audit: auditStore(database),
    bins: binStore(database, vault),
    replays: replayStore(database),
    feeds: feedStore(database),
    tokens: tokenStore(database, vault),
    orderingKeys: orderingKeyStore(database),
    sources: sourceStore(database),
    operatorKeys: operatorKeyStore(database),
    scheduledEvents: scheduledEventStore(database),
    accountNotices: accountNoticeStore(database, vault),
    charts: chartStore(database),
    nodes: nodeStore(database),
    overview: overviewStore(database),
    settings: settingStore(database),
    eventTypes: eventTypeStore(database),
    sealed: sealedStore(database, vault),
    retention: retentionStore(database),
  };
}
