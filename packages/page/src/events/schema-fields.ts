import type { Schema } from '../types.ts';

export interface SchemaField {
  /** As `address.city` or `items[].sku`. */
  path: string;
  type: string;
  description: string;
  isRequired: boolean;
}

const DEPTH_MAX = 4;

/**
 * The fields of a JSON Schema, flat.
 * @param file the schema's own name among `schemas`, which its references start from
 */
export function fieldsOf(
  schema: Schema,
  schemas: Record<string, Schema>,
  file: string,
  prefix = '',
  depth = 0,
): SchemaField[] {
  if (depth > DEPTH_MAX) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const field = follow(given, schemas, file);
    const path = prefix + name;
    const inner = field.items ? follow(field.items, schemas, file) : field;
    const below = fieldsOf(inner, schemas, file, field.items ? `${path}[].` : `${path}.`, depth + 1);
    const isRequired = schema.required?.includes(name) ?? false;
    return [{ path, type: typeOf(field), description: field.description ?? '', isRequired }, ...below];
  });
}

function typeOf({ type, const: only, enum: some }: Schema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (some) return some.map((value) => JSON.stringify(value)).join(' | ');
  return Array.isArray(type) ? type.join(' | ') : (type ?? 'any');
}

/** What a reference leads to; a description beside the reference wins. */
function follow(schema: Schema, schemas: Record<string, Schema>, file: string): Schema {
  if (schema.$ref === undefined) return schema;
  const [target = '', pointer = ''] = schema.$ref.split('#');
  let found: unknown = schemas[target === '' ? file : target];
  for (const part of pointer.split('/').filter((one) => one !== '')) {
    found = (found as Record<string, unknown> | undefined)?.[part];
  }
  return {
    ...(found as Schema | undefined),
    ...(schema.description === undefined ? {} : { description: schema.description }),
  };
}
