import { type Static, Type } from 'typebox';
import { isId } from '../../domain/ids.ts';
import { DELIVERY_STATUSES } from '../../domain/model.ts';
import { ERROR_CODES } from '../../domain/outcome.ts';
import type { DeliveryFilter, Store } from '../../storage/store.ts';
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
    Type.String({ maxLength: 200, description: 'An id of a delivery or event, or text in the payload' }),
  ),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
};

const Fields = closed(FilterFields);
type Wanted = Static<typeof Fields> & { test?: boolean };

/** Undefined when the filter names something that does not exist, and nothing can match. */
export async function toFilter(store: Store, account: string, wanted: Wanted): Promise<DeliveryFilter | undefined> {
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
    else filter.text = q;
  }
  if (from !== undefined) filter.fromMs = Date.parse(from);
  if (to !== undefined) filter.toMs = Date.parse(to);
  return filter;
}
