type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/**
 * Gives each schema that has a title (`named`) a place of its own among the components, and a reference wherever it stood:
 * what is generated from the document has names then, and says everything once.
 * @param written by name: what stands there instead of the schema that checks requests, where code checks them further
 * @throws Error when two different schemas have one name
 */
export function nameSchemas<T extends { paths?: object; components?: { schemas?: object } }>(
  document: T,
  written: Readonly<Record<string, object>> = {},
): T {
  const schemas = new Map<string, Json>();
  const texts = new Map<string, string>();
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isObject(value)) return value;
    const walked = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, walk(part)]));
    const { title, ...schema } = walked;
    if (typeof title !== 'string') return walked;
    const text = JSON.stringify(schema);
    if ((texts.get(title) ?? text) !== text) throw new Error(`two schemas are named "${title}"`);
    texts.set(title, text);
    schemas.set(title, { ...schema, ...written[title] });
    return { $ref: `#/components/schemas/${title}` };
  };
  const paths = walk(document.paths) as object;
  const sorted = [...schemas].sort(([a], [b]) => (a < b ? -1 : 1));
  const components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...Object.fromEntries(sorted) },
  };
  return { ...document, paths, components };
}
