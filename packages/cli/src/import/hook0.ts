import { CommandFailed, EXIT } from '../exit-codes.js';
import { type Found, type FoundAccount, getJson, type Source } from './source.js';

interface Subscription {
  is_enabled: boolean;
  event_types: string[];
  description?: string | null;
  secret: string;
  labels?: Record<string, string>;
  target: { type: string; method: string; url: string; headers?: Record<string, string> };
}

/** https://documentation.hook0.com: an application's subscriptions, told apart by a label. Its signature v0: `t=<seconds>,v0=<hex>`. */
export const hook0: Source = {
  title: 'Hook0',
  urlDefault: 'https://app.hook0.com',
  wire: {
    body: { encoder: 'json' },
    headers: { 'X-Event-Id': '{event.id}', 'X-Event-Type': '{trigger}' },
    signature: {
      scheme: 'timestamped-hmac',
      version: 'v0',
      header: 'X-Hook0-Signature',
      hash: 'sha256',
      encoding: 'hex',
      secret: { bytes: 16, encoding: 'hex', key: 'text' },
    },
  },
  async read(options) {
    if (!options.project)
      throw new CommandFailed('Say which application of Hook0: --project <application id>.', EXIT.usage);
    const query = `?application_id=${encodeURIComponent(options.project)}`;
    const accounts = new Map<string, FoundAccount>();
    const left: NonNullable<Found['left']> = [];
    for (const one of await getJson<Subscription[]>(options, `/api/v1/subscriptions${query}`)) {
      const labels = one.labels ?? {};
      const id = options.label ? labels[options.label] : Object.values(labels)[0];
      if (!id) {
        left.push({
          url: one.target.url,
          why: `it has no label ${options.label ? `${options.label} ` : ''}that says whose it is`,
        });
        continue;
      }
      const account = accounts.get(id) ?? { id, name: id, endpoints: [] };
      account.endpoints.push({
        url: one.target.url,
        description: one.description ?? '',
        disabled: !one.is_enabled,
        triggers: one.event_types,
        secret: one.secret,
        headers: one.target.headers ?? {},
        notes:
          one.target.method.toUpperCase() === 'POST'
            ? []
            : [`it is called with ${one.target.method} there, and with POST here`],
      });
      accounts.set(id, account);
      options.onProgress(accounts.size);
    }
    const types = await getJson<{ event_type_name: string }[]>(options, `/api/v1/event_types${query}`);
    return {
      system: 'hook0',
      accounts: [...accounts.values()],
      eventTypes: types.map(({ event_type_name: name }) => ({ name, description: '' })),
      left,
    };
  },
};
