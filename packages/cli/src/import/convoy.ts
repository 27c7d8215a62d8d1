import { CommandFailed, EXIT } from '../exit-codes.js';
import { type FoundAccount, getJson, type Source, type SourceOptions } from './source.js';

interface Listed<T> {
  data: { content: T[] | null; pagination?: { has_next_page?: boolean; next_page_cursor?: string } };
}

interface Endpoint {
  uid: string;
  name?: string;
  owner_id?: string;
  url?: string;
  target_url?: string;
  description?: string;
  status?: string;
  advanced_signatures?: boolean;
  secrets?: { value: string; expires_at?: string | null }[] | null;
}

interface Subscription {
  endpoint_metadata?: { uid?: string } | null;
  filter_config?: { event_types?: string[] | null } | null;
}

/** https://getconvoy.io/docs: endpoints of a project by their owner, subscriptions beside them. Its simple signature. */
export const convoy: Source = {
  title: 'Convoy',
  urlDefault: 'https://us.getconvoy.cloud',
  wire: {
    body: { encoder: 'json' },
    headers: {},
    signature: {
      scheme: 'hmac',
      header: 'X-Convoy-Signature',
      hash: 'sha256',
      encoding: 'hex',
      secret: { bytes: 24, encoding: 'hex', key: 'text' },
    },
  },
  async read(options) {
    if (!options.project) throw new CommandFailed('Say which project of Convoy: --project <id>.', EXIT.usage);
    const path = `/api/v1/projects/${encodeURIComponent(options.project)}`;
    const triggersOf = new Map<string, string[]>();
    for await (const { endpoint_metadata, filter_config } of every<Subscription>(options, `${path}/subscriptions`)) {
      const uid = endpoint_metadata?.uid;
      if (uid) triggersOf.set(uid, [...(triggersOf.get(uid) ?? []), ...typesOf(filter_config?.event_types)]);
    }
    const accounts = new Map<string, FoundAccount>();
    for await (const endpoint of every<Endpoint>(options, `${path}/endpoints`)) {
      const id = endpoint.owner_id || endpoint.uid;
      const account = accounts.get(id) ?? { id, name: endpoint.owner_id || endpoint.name || id, endpoints: [] };
      const secret = endpoint.secrets?.filter(({ expires_at }) => !expires_at).at(-1)?.value;
      const triggers = triggersOf.get(endpoint.uid);
      account.endpoints.push({
        url: endpoint.url ?? endpoint.target_url ?? '',
        description: endpoint.description || endpoint.name || '',
        disabled: triggers === undefined || (endpoint.status !== undefined && endpoint.status !== 'active'),
        triggers: triggers?.includes('*') ? [] : (triggers ?? []),
        ...(secret === undefined ? {} : { secret }),
        headers: {},
        notes: [
          ...(triggers === undefined ? ['it has no subscription and gets nothing there: it is inactive here'] : []),
          ...(endpoint.advanced_signatures
            ? ['it verifies advanced signatures, which no contract can write: it needs a change']
            : []),
          ...(secret === undefined ? ['its secret is not told: it gets a new one'] : []),
        ],
      });
      accounts.set(id, account);
      options.onProgress(accounts.size);
    }
    const { data } = await getJson<{ data?: { event_types?: { name: string; description?: string }[] | null } }>(
      options,
      `${path}/event-types`,
    );
    const eventTypes = (data?.event_types ?? [])
      .filter(({ name }) => name !== '*')
      .map(({ name, description = '' }) => ({ name, description }));
    return { system: 'convoy', accounts: [...accounts.values()], eventTypes };
  },
};

/** A subscription that names no types is to all of them. */
const typesOf = (types: readonly string[] | null | undefined): readonly string[] => (types?.length ? types : ['*']);

async function* every<T>(options: SourceOptions, path: string): AsyncGenerator<T> {
  for (let cursor = ''; ; ) {
    const after = cursor === '' ? '' : `&direction=next&next_page_cursor=${encodeURIComponent(cursor)}`;
    const { data } = await getJson<Listed<T>>(options, `${path}?perPage=100${after}`);
    yield* data.content ?? [];
    if (!data.pagination?.has_next_page || !data.pagination.next_page_cursor) return;
    cursor = data.pagination.next_page_cursor;
  }
}
