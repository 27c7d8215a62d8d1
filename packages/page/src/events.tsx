import { useEffect, useState } from 'react';
import { topicLabel, useAccount, useEndpoints, useUrlState } from './account.tsx';
import { post } from './api.ts';
import type { Contract, Endpoint, Pair, Schema } from './types.ts';
import { Copyable, Dialog, Empty, ErrorNote, prettyJson } from './ui.tsx';

/** Everything that can happen, what it looks like, and which of my webhooks get it. */
export function Events() {
  const { contract } = useAccount();
  const { params, set } = useUrlState();
  const endpoints = useEndpoints();
  useEffect(() => {
    document.title = 'Events';
  }, []);
  if (contract.free_triggers) {
    return (
      <>
        <div className="head">
          <h1>Events</h1>
        </div>
        <Empty
          title="Events are free here"
          text="Webhooks may subscribe to any event by name, to a prefix as order.*, or to everything with *. What they carry is described by the product that sends them."
        />
      </>
    );
  }
  const groups = contract.groups.length > 0 ? contract.groups : groupsOf(contract);
  const open = params.get('event');
  return (
    <>
      <div className="head">
        <h1>Events</h1>
      </div>
      <div className="stack">
        {groups.map((group) => (
          <section className="card" key={group.value} aria-label={group.label}>
            <header>
              <h2>{group.label}</h2>
            </header>
            <section className="scroll" style={{ border: 0 }} aria-label={`Events of ${group.label}`} tabIndex={0}>
              <table>
                <tbody>
                  {group.triggers.map((trigger) => {
                    const word = contract.triggers.find((t) => t.value === trigger);
                    const count = gettersOf(endpoints.data?.data ?? [], trigger).length;
                    return (
                      <tr key={trigger}>
                        <td>
                          <button type="button" className="button plain small" onClick={() => set({ event: trigger })}>
                            {word?.label ?? trigger}
                          </button>
                        </td>
                        <td className="mono quiet">{trigger}</td>
                        <td title={word?.description}>{word?.description}</td>
                        <td className="num quiet">{count === 0 ? 'nobody gets it' : `${count} of your webhooks`}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            </section>
          </section>
        ))}
      </div>
      {open !== null && <EventDrawer trigger={open} onClose={() => set({ event: null })} />}
    </>
  );
}

function groupsOf(contract: Contract) {
  return [{ value: 'all', label: contract.title, triggers: contract.triggers.map((t) => t.value) }];
}

function gettersOf(endpoints: Endpoint[], trigger: string): Endpoint[] {
  const matches = (pattern: string) =>
    pattern === '*' || pattern === trigger || (/[./]\*$/.test(pattern) && trigger.startsWith(pattern.slice(0, -1)));
  return endpoints.filter((endpoint) => endpoint.subscriptions.some((s) => matches(s.trigger)));
}

interface Sent {
  endpoint_id: string;
  succeeded: boolean;
  status: number | null;
  error: string | null;
}

function EventDrawer({ trigger, onClose }: { trigger: string; onClose: () => void }) {
  const { path, contract, may } = useAccount();
  const endpoints = useEndpoints();
  const [sent, setSent] = useState<Sent[]>();
  const [error, setError] = useState<unknown>();
  const word = contract.triggers.find((t) => t.value === trigger);
  const pairs = contract.pairs.filter((pair) => pair.trigger === trigger);
  const getters = gettersOf(endpoints.data?.data ?? [], trigger);
  const urlOf = (id: string) => getters.find((e) => e.id === id)?.url ?? id;
  const send = async () => {
    setError(undefined);
    try {
      setSent((await post<{ data: Sent[] }>(`${path}/examples`, { trigger })).data);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <Dialog title={word?.label ?? trigger} kind="drawer" onClose={onClose}>
      <div className="stack">
        <p>{word?.description}</p>
        <div className="row">
          <code>{trigger}</code> <Copyable text={trigger} label="Copy the event's name" />
        </div>
        {word && word.implies.length > 0 && (
          <p className="quiet">Also sends {word.implies.map((i) => i.trigger).join(' or ')}.</p>
        )}
        <section aria-label="Who gets it">
          <h3>Who gets it</h3>
          {getters.length === 0 ? (
            <p className="quiet">None of your webhooks.</p>
          ) : (
            <ul style={{ paddingLeft: 20, margin: '4px 0' }}>
              {getters.map((endpoint) => (
                <li key={endpoint.id} className="mono" style={{ overflowWrap: 'anywhere' }}>
                  {endpoint.url}
                </li>
              ))}
            </ul>
          )}
          {may('webhooks') && getters.length > 0 && (
            <button type="button" className="button" onClick={send}>
              Send example
            </button>
          )}
          <ErrorNote error={error} />
          {sent && (
            <div className="stack tight" role="status" style={{ marginTop: 8 }}>
              {sent.length === 0 && (
                <p className="quiet">Nothing was sent: no payload for what your webhooks ask for.</p>
              )}
              {sent.map((one) => (
                <div key={one.endpoint_id} className={`note ${one.succeeded ? 'good' : 'bad'}`}>
                  <code style={{ overflowWrap: 'anywhere' }}>{urlOf(one.endpoint_id)}</code> answered{' '}
                  {one.status ?? one.error}.
                </div>
              ))}
            </div>
          )}
        </section>
        {pairs.map((pair) => (
          <PairView key={`${pair.topic} ${pair.trigger}`} pair={pair} />
        ))}
      </div>
    </Dialog>
  );
}

function PairView({ pair }: { pair: Pair }) {
  const { contract } = useAccount();
  const schema = pair.schema === null ? undefined : contract.schemas[pair.schema];
  const fields = schema ? fieldsOf(schema, contract.schemas, pair.schema ?? '') : [];
  const text = JSON.stringify(pair.sample);
  return (
    <section className="stack tight" aria-label={pair.topic ?? 'Payload'}>
      <h3>
        {pair.topic === null || pair.topic === pair.trigger
          ? 'Payload'
          : `${contract.words.topic}: ${topicLabel(contract, pair.topic)}`}
      </h3>
      {fields.length > 0 && (
        <section className="code" aria-label="Fields" tabIndex={0}>
          <table>
            <tbody>
              {fields.map((field) => (
                <tr key={field.path}>
                  <th scope="row" className="mono">
                    {field.path}
                  </th>
                  <td className="mono quiet">{field.type}</td>
                  <td>{field.description}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <div className="row">
        <span className="quiet">Sample</span> <Copyable text={prettyJson(text)} label="Copy the sample" />
      </div>
      <section className="code" aria-label="Sample" tabIndex={0}>
        <pre>{prettyJson(text)}</pre>
      </section>
    </section>
  );
}

interface Field {
  path: string;
  type: string;
  description: string;
}

const DEPTH_MAX = 4;

/** The fields of a schema, flat: `address.city`, `items[].sku`. */
function fieldsOf(schema: Schema, schemas: Record<string, Schema>, file: string, prefix = '', depth = 0): Field[] {
  if (depth > DEPTH_MAX) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const field = follow(given, schemas, file);
    const path = prefix + name;
    const inner = field.items ? follow(field.items, schemas, file) : field;
    const below = fieldsOf(inner, schemas, file, field.items ? `${path}[].` : `${path}.`, depth + 1);
    return [{ path, type: typeOf(field), description: field.description ?? '' }, ...below];
  });
}

function typeOf({ type, const: only, enum: some }: Schema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (some) return some.map((value) => JSON.stringify(value)).join(' | ');
  return Array.isArray(type) ? type.join(' | ') : (type ?? 'any');
}

function follow(schema: Schema, schemas: Record<string, Schema>, file: string): Schema {
  if (schema.$ref === undefined) return schema;
  const [target = '', pointer = ''] = schema.$ref.split('#');
  let found: unknown = schemas[target === '' ? file : target];
  for (const part of pointer.split('/').filter((p) => p !== ''))
    found = (found as Record<string, unknown> | undefined)?.[part];
  return {
    ...(found as Schema | undefined),
    ...(schema.description === undefined ? {} : { description: schema.description }),
  };
}
