import { type FoundAccount, type FoundEndpoint, getJson, type Source, type SourceOptions } from './source.js';

interface Listed<T> {
  data: T[];
  iterator: string | null;
  done: boolean;
}

interface Application {
  id: string;
  uid?: string | null;
  name: string;
}

interface Endpoint {
  id: string;
  url: string;
  description?: string;
  disabled?: boolean;
  filterTypes?: string[] | null;
  channels?: string[] | null;
}

/** https://api.svix.com/docs: applications with endpoints, each with its secret and headers. */
export const svix: Source = {
  title: 'Svix',
  urlDefault: 'https://api.svix.com',
  wire: {
    body: { encoder: 'json' },
    headers: { 'svix-id': '{event.id}', 'svix-timestamp': '{attempt.unix}' },
    signature: { scheme: 'standard-webhooks', header: 'svix-signature' },
  },
  async read(options) {
    const accounts: FoundAccount[] = [];
    for await (const { id, uid, name } of every<Application>(options, '/api/v1/app')) {
      const endpoints: FoundEndpoint[] = [];
      const path = `/api/v1/app/${encodeURIComponent(id)}/endpoint`;
      for await (const endpoint of every<Endpoint>(options, path))
        endpoints.push(await toEndpoint(options, path, endpoint));
      accounts.push({ id: uid ?? id, name, endpoints });
      options.onProgress(accounts.length);
    }
    const eventTypes = [];
    for await (const { name, description = '' } of every<{ name: string; description?: string }>(
      options,
      '/api/v1/event-type',
    ))
      eventTypes.push({ name, description });
    return { system: 'svix', accounts, eventTypes };
  },
};

async function toEndpoint(options: SourceOptions, path: string, endpoint: Endpoint): Promise<FoundEndpoint> {
  const own = `${path}/${encodeURIComponent(endpoint.id)}`;
  const { key } = await getJson<{ key: string }>(options, `${own}/secret`);
  const { headers = {}, sensitive = [] } = await getJson<{ headers?: Record<string, string>; sensitive?: string[] }>(
    options,
    `${own}/headers`,
  );
  const notes = sensitive.map((name) => `its header ${name} is kept secret there: set it anew`);
  if (endpoint.channels?.length)
    notes.push(`its channels (${endpoint.channels.join(', ')}) are not taken over: it gets every event of its types`);
  return {
    url: endpoint.url,
    description: endpoint.description ?? '',
    disabled: endpoint.disabled ?? false,
    triggers: endpoint.filterTypes ?? [],
    secret: key,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !sensitive.includes(name))),
    notes,
  };
}

async function* every<T>(options: SourceOptions, path: string): AsyncGenerator<T> {
  for (let iterator = ''; ; ) {
    const after = iterator === '' ? '' : `&iterator=${encodeURIComponent(iterator)}`;
    const page = await getJson<Listed<T>>(options, `${path}?limit=250${after}`);
    yield* page.data;
    if (page.done || !page.iterator) return;
    iterator = page.iterator;
  }
}
