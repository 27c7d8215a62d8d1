import { OPERATOR_KEY } from './processes.js';

/** Calls the HTTP API; answers the parsed body. */
export async function call<T>(port: number, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** An account with `endpoints` endpoints at `url`, each subscribed to everything. */
export async function createAccount(port: number, id: string, url: string, endpoints: number): Promise<string[]> {
  await call(port, 'POST', '/v1/accounts', { id, name: id, contract: 'standard' });
  const ids: string[] = [];
  for (let i = 0; i < endpoints; i++) {
    const path = `/v1/accounts/${id}/endpoints`;
    const endpoint = await call<{ id: string }>(port, 'POST', path, { url, subscriptions: [{ trigger: '*' }] });
    ids.push(endpoint.id);
  }
  return ids;
}
