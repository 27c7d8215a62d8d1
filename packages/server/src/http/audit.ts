import type { FastifyRequest } from 'fastify';
import { isCredentialName } from '../domain/header-names.ts';
import type { App, HttpParts } from './app.ts';
import { callerOf } from './caller.ts';
import { HIDDEN } from './present-http.ts';

/** Changes that say nothing about the account's settings, or that come by the million. */
const NOT_NOTED = new Set([
  'publishEvent',
  'publishEvents',
  'verifyKey',
  'generateSecret',
  'verifySignature',
  'renderEvent',
  'tryFilter',
  'tryTransformation',
  'checkUrl',
]);
/** Reading a secret is worth a line, too. */
const NOTED_READS = new Set(['getSecret']);
/** `metadata` is the operator's own; the account sees its log. */
const HIDDEN_FIELDS = new Set([
  'auth',
  'tls',
  'transformation',
  'secret',
  'key',
  'payload',
  'headers',
  'body',
  'metadata',
]);
/** Whoever has the address of a chat can write there. */
const HIDDEN_OF: Readonly<Record<string, readonly string[]>> = { changeNotices: ['url'] };
const VALUE_LENGTH_MAX = 1_000;

/**
 * Notes every change that succeeded: who, what, when. The answer waits for it.
 * @param fields of the body that are noted; where a schema has checked the body, all of them
 */
export function noteChanges(app: App, { store, ids }: HttpParts, fields?: readonly string[]): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const { operationId } = (request.routeOptions.schema ?? {}) as { operationId?: string };
    if (operationId === undefined || reply.statusCode >= 300 || NOT_NOTED.has(operationId)) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && !NOTED_READS.has(operationId)) return;
    if (isPreview(operationId, request.body)) return;
    const { account, ...targets } = request.params as Record<string, string | undefined>;
    const target =
      changed.get(request) ?? Object.values(targets)[0] ?? (reply.statusCode === 201 ? idIn(payload) : null);
    try {
      await store.audit.add({
        id: ids.next('aud'),
        accountId: account ?? (operationId === 'createAccount' ? target : keyAccount(request)),
        actor: actorOf(request),
        userName: userNameOf(request),
        action: operationId,
        target,
        detail: { ...detailOf(request.body, fields, HIDDEN_OF[operationId]), ...detailOf(known.get(request)) },
      });
    } catch (error) {
      // The change itself has been made: saying that it failed would be wrong.
      request.log.error({ err: error }, 'a change could not be noted in the audit log');
    }
  });
}

/** Who sat in front of it, or whose key it was. */
function userNameOf(request: FastifyRequest): string | null {
  const caller = callerOf(request);
  return (caller.kind === 'operator' ? caller.operator?.name : undefined) ?? caller.session?.userName ?? null;
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

/** It changes nothing. No other operation has such a field: to send it may not hide what was done. */
const CAN_BE_TRIED = new Set(['replay', 'putEventTypes', 'importEventTypes']);

function isPreview(operationId: string, body: unknown): boolean {
  if (!CAN_BE_TRIED.has(operationId) || typeof body !== 'object' || body === null) return false;
  return 'dry_run' in body && body.dry_run === true;
}

/** What was there before, where nothing can be read afterwards. */
const known = new WeakMap<object, object>();

/** Notes what somebody will want to know of what a request is about to delete. */
export function noteDetail(request: object, detail: object): void {
  known.set(request, detail);
}

const changed = new WeakMap<object, string>();

/** What a request has changed, where neither its address nor its answer says so by our id. */
export function noteTarget(request: object, id: string): void {
  changed.set(request, id);
}

/** The id of what was made, from the answer that says so. */
function idIn(payload: unknown): string | null {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return null;
  const { id } = JSON.parse(payload) as { id?: unknown };
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : null;
}

/** The request's own fields, without what is secret or long. */
export function detailOf(
  body: unknown,
  fields?: readonly string[],
  hidden: readonly string[] = [],
): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  const kept = Object.entries(body)
    .filter(([name]) => fields === undefined || fields.includes(name))
    .map(([name, value]) => [name, isHidden(name) || hidden.includes(name) ? HIDDEN : storable(value)]);
  return Object.fromEntries(kept) as Record<string, unknown>;
}

const isHidden = (name: string) => HIDDEN_FIELDS.has(name.toLowerCase()) || isCredentialName(name);

/** As PostgreSQL's JSON can hold it, and not longer than anybody reads: each value by itself, so that none hides another. */
function storable(value: unknown): unknown {
  const text = JSON.stringify(value, (name, part) => {
    if (isHidden(name)) return HIDDEN;
    return typeof part === 'string' ? wellFormed(part) : part;
  });
  return text.length > VALUE_LENGTH_MAX ? `${wellFormed(text.slice(0, VALUE_LENGTH_MAX))}…` : JSON.parse(text);
}

/** Without half a surrogate pair, and without NUL. */
const wellFormed = (text: string) => Buffer.from(text).toString().replaceAll('\0', '\u{fffd}');
