import {
  type Found,
  type FoundAccount,
  type FoundEndpoint,
  getJson,
  type Source,
  type SourceOptions,
} from './source.js';

interface Tenant {
  id: string;
}

interface Destination {
  type: string;
  topics: '*' | string[];
  config?: { url?: string; custom_headers?: string };
  credentials?: { secret?: string };
  filter?: object | null;
  disabled_at?: string | null;
}

/** https://outpost.hookdeck.com/docs: tenants with destinations. Its default signature: `t=<seconds>,v0=<hex>`. */
export const outpost: Source = {
  title: 'Outpost',
  urlDefault: 'http://localhost:3333',
  wire: {
    body: { encoder: 'json' },
    headers: {
      'x-outpost-event-id': '{event.id}',
      'x-outpost-topic': '{trigger}',
      'x-outpost-timestamp': '{attempt.unix}',
    },
    signature: {
      scheme: 'timestamped-hmac',
      version: 'v0',
      header: 'x-outpost-signature',
      hash: 'sha256',
      encoding: 'hex',
      secret: { bytes: 32, encoding: 'hex', key: 'text' },
    },
  },
  async read(options) {
    const accounts: FoundAccount[] = [];
    const left: NonNullable<Found['left']> = [];
    for await (const { id } of tenants(options)) {
      const found = await getJson<Destination[] | { models: Destination[] }>(
        options,
        `/api/v1/tenants/${encodeURIComponent(id)}/destinations`,
      );
      const destinations = Array.isArray(found) ? found : found.models;
      for (const { type } of destinations)
        if (type !== 'webhook') left.push({ url: `${id}: ${type}`, why: 'it is no webhook' });
      accounts.push({ id, name: id, endpoints: destinations.filter(({ type }) => type === 'webhook').map(toEndpoint) });
      options.onProgress(accounts.length);
    }
    const topics = await getJson<string[]>(options, '/api/v1/topics');
    return { system: 'outpost', accounts, eventTypes: topics.map((name) => ({ name, description: '' })), left };
  },
};

function toEndpoint({ topics, config, credentials, filter, disabled_at }: Destination): FoundEndpoint {
  const secret = credentials?.secret;
  return {
    url: config?.url ?? '',
    description: '',
    disabled: Boolean(disabled_at),
    triggers: topics === '*' || topics.includes('*') ? [] : topics,
    ...(secret === undefined ? {} : { secret }),
    headers: config?.custom_headers ? (JSON.parse(config.custom_headers) as Record<string, string>) : {},
    notes: [
      ...(filter && Object.keys(filter).length > 0
        ? ['its filter is not taken over: it gets every event of its topics']
        : []),
      ...(secret === undefined ? ['its secret is not told: it gets a new one'] : []),
    ],
  };
}

async function* tenants(options: SourceOptions): AsyncGenerator<Tenant> {
  for (let next = ''; ; ) {
    const after = next === '' ? '' : `&next=${encodeURIComponent(next)}`;
    const page = await getJson<{ models: Tenant[]; pagination?: { next?: string | null } }>(
      options,
      `/api/v1/tenants?limit=100${after}`,
    );
    yield* page.models;
    if (!page.pagination?.next) return;
    next = page.pagination.next;
  }
}
