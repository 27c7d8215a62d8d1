import type { EventType } from '../domain/event-type.ts';
import { Catalog, type Pair, type Trigger } from './catalog.ts';
import type { Contract } from './contract.ts';
import type { PayloadCheck } from './payloads.ts';

/** The name under which a type's schema stands among those of a contract. */
export const schemaFileOf = (name: string): string => `${name}.json`;

/** A contract together with what the product has declared by the API. */
export function withEventTypes(contract: Contract, types: readonly EventType[], mode?: PayloadCheck): Contract {
  if (types.length === 0 && mode === undefined) return contract;
  const declared: Trigger[] = types.map(({ name, label, description, schema, deprecated, version }) => ({
    value: name,
    label: label === '' ? name : label,
    description,
    ...(schema === null ? {} : { schema: schemaFileOf(name) }),
    ...(deprecated ? { deprecated } : {}),
    version,
  }));
  const pairs: Pair[] = types.map(({ name }) => ({ topic: null, trigger: name }));
  const catalog = new Catalog({ ...contract.catalog.rules, declared, pairs });
  const schemas = new Map(
    types.flatMap(({ name, schema }) => (schema === null ? [] : [[schemaFileOf(name), JSON.parse(schema) as object]])),
  );
  const samples = types.flatMap(({ name, sample }) =>
    sample === null ? [] : [{ topic: null, trigger: name, text: sample }],
  );
  const payloadCheck = mode ?? contract.payloadCheck;
  return {
    ...contract,
    catalog,
    payloads: contract.payloads.replacedBy(catalog, schemas, samples),
    payloadCheck,
  };
}
