import type { FastifyRequest } from 'fastify';
import type { App, HttpParts } from './app.ts';
import { callerOf } from './caller.ts';

/** Changes that say nothing about the account's settings, or that come by the million. */
const NOT_NOTED = new Set([
  'publishEvent',
  'publishEvents',
  'verifyKey',
  'generateSecret',
  'verifySignature',
  'sendExample',
]);
/** Reading a secret is worth a line, too. */
const NOTED_READS = new Set(['getSecret']);
const SECRET_FIELDS = new Set(['secret', 'key', 'payload', 'headers', 'body']);
const DETAIL_LENGTH_MAX = 4_096;

/** Notes every change that succeeded: who, what, when. The answer waits for it. */
export function noteChanges(app: App, { store, ids }: HttpParts): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const { operationId } = (request.routeOptions.schema ?? {}) as { operationId?: string };
    if (operationId === undefined || reply.statusCode >= 300 || NOT_NOTED.has(operationId)) return;
    if (request.method === 'GET' && !NOTED_READS.has(operationId)) return;
    // A preview changes nothing.
    if (isPreview(request.body)) return;
    const { account, ...targets } = request.params as Record<string, string | undefined>;
    const target = Object.values(targets)[0] ?? (reply.statusCode === 201 ? idIn(payload) : null);
    try {
      await store.audit.add({
        id: ids.next('aud'),
        accountId: account ?? (operationId === 'createAccount' ? target : keyAccount(request)),
        actor: actorOf(request),
        userName: callerOf(request).session?.userName ?? null,
        action: operationId,
        target,
        detail: detailOf(request.body),
      });
    } catch (error) {
      // The change itself has been made: saying that it failed would be wrong.
      request.log.error({ err: error }, 'a change could not be noted in the audit log');
    }
  });
}

function actorOf(request: FastifyRequest): string {
  const caller = callerOf(request);
  if (caller.kind === 'key') return `key ${caller.keyId}`;
  return caller.kind === 'account' ? 'page' : 'operator';
}

function keyAccount(request: FastifyRequest): string | null {
  const caller = callerOf(request);
  return caller.kind === 'key' ? caller.accountId : null;
}

function isPreview(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'dry_run' in body && body.dry_run === true;
}

/** The id of what was made, from the answer that says so. */
function idIn(payload: unknown): string | null {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return null;
  const { id } = JSON.parse(payload) as { id?: unknown };
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : null;
}

/** The request's own fields, without what is secret or long. */
function detailOf(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  const kept = Object.entries(body).map(([name, value]) => [name, SECRET_FIELDS.has(name) ? '…' : value]);
  const detail = Object.fromEntries(kept) as Record<string, unknown>;
  return JSON.stringify(detail).length > DETAIL_LENGTH_MAX ? { truncated: true } : detail;
}
