import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { BodyRules } from '../../contract/body.ts';
import { isId } from '../../domain/ids.ts';
import { DELIVERY_STATUSES } from '../../domain/model.ts';
import { ERROR_CODES } from '../../domain/outcome.ts';
import type { KnownAccount } from '../../fanout/directory.ts';
import type { DeliveryFilter, Search, Store } from '../../storage/store.ts';
import { seesCredentials } from '../caller.ts';
import { closed, Time } from '../schemas.ts';

/** What a list of deliveries can be narrowed to, and what a replay covers: the same words mean the same. */
export const FilterFields = {
  endpoint: Type.Optional(Type.String({ maxLength: 64 })),
  event: Type.Optional(Type.String({ maxLength: 64 })),
  status: Type.Optional(Type.Enum([...DELIVERY_STATUSES])),
  last_status: Type.Optional(
    Type.Integer({ minimum: 100, maximum: 599, description: "The last response's HTTP status" }),
  ),
  last_error: Type.Optional(Type.Enum([...ERROR_CODES])),
  trigger: Type.Optional(Type.String({ maxLength: 256 })),
  topic: Type.Optional(Type.String({ maxLength: 128 })),
  q: Type.Optional(
    Type.String({
      maxLength: 200,
      description:
        'An id of a delivery or event; text in the payload or in an answer, or in headers for those who may see credentials; or a value at a place in the payload, as `data.id = 1001` or `items[0].sku = A-1`',
    }),
  ),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
};

export const TestFilter = {
  test: Type.Optional(Type.Boolean({ description: 'Only tests, or none of them' })),
};

const Fields = closed({ ...FilterFields, ...TestFilter });
type Wanted = Static<typeof Fields>;

/** Undefined when the filter names something that does not exist, and nothing can match. */
export async function toFilter(
  store: Store,
  { id: account, contract }: Pick<KnownAccount, 'id' | 'contract'>,
  request: FastifyRequest,
  wanted: Wanted,
): Promise<DeliveryFilter | undefined> {
  const { endpoint, event, status, last_status, last_error, test, trigger, topic, from, to } = wanted;
  const filter: DeliveryFilter = {};
  if (endpoint !== undefined) {
    if (!isId('ep', endpoint)) return undefined;
    filter.endpointId = endpoint;
  }
  if (event !== undefined) {
    const found = await store.events.find(account, event);
    if (!found) return undefined;
    filter.eventId = found.id;
  }
  if (status !== undefined) filter.status = status;
  if (last_status !== undefined) filter.lastStatus = last_status;
  if (last_error !== undefined) filter.lastError = last_error;
  if (test !== undefined) filter.test = test;
  if (trigger !== undefined) filter.trigger = trigger;
  if (topic !== undefined) filter.topic = topic;
  const q = wanted.q?.trim() ?? '';
  if (q !== '') {
    const found = isId('dlv', q) ? undefined : await store.events.find(account, q);
    if (isId('dlv', q)) filter.ids = [q];
    else if (found) filter.eventId = found.id;
    else filter.search = toSearch(q, payloadMemberOf(contract.bodyRules), seesCredentials(request));
  }
  if (from !== undefined) filter.fromMs = Date.parse(from);
  if (to !== undefined) filter.toMs = Date.parse(to);
  return filter;
}

const PLACE = /^(?<path>[\p{L}_$][\p{L}\d_$-]*(?:\[\d{0,9}\]|\.[\p{L}\d_$-]+)*)\s*==?\s*(?<value>\S.*)$/u;

/** @param payloadMember as people see it in the body that arrives */
export function toSearch(q: string, payloadMember: string | undefined, inHeaders: boolean): Search {
  const { path = '', value = '' } = PLACE.exec(q)?.groups ?? {};
  if (path === '') return { text: q, inHeaders };
  const steps = [...path.matchAll(/[^.[\]]+|\[\d*\]/g)].flatMap(([step]) => toStep(step));
  const isInEnvelope = steps.length > 1 && payloadMember !== undefined && steps[0] === payloadMember;
  return { text: q, inHeaders, at: { path: isInEnvelope ? steps.slice(1) : steps, value: unquoted(value) } };
}

/** The member of the body that holds the payload, where the contract has an envelope. */
function payloadMemberOf({ envelope }: BodyRules): string | undefined {
  const members = typeof envelope === 'object' && envelope !== null ? Object.entries(envelope) : [];
  return members.find(([, value]) => value === '{payload}')?.[0];
}

/** `[]` is every member, which is what a name in an array means anyway. */
function toStep(step: string): (string | number)[] {
  if (!step.startsWith('[')) return [step];
  return step === '[]' ? [] : [Number(step.slice(1, -1))];
}

function unquoted(value: string): string {
  return (
    /^"(.*)"$|^'(.*)'$/
      .exec(value)
      ?.slice(1)
      .find((inner) => inner !== undefined) ?? value
  );
}
