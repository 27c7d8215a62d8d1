/** Pages of the documentation that are written from the code: `npm test -- -u test/docs` writes them anew. */
import { CATALOGUE } from '../../packages/server/src/domain/errors.ts';

export function errorsPage(): string {
  const sections = Object.entries(CATALOGUE).map(
    ([code, [status, title, action]]) => `## \`${code}\`\n\n${status}: ${title}. ${action}\n`,
  );
  return `# Errors

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem document (\`application/problem+json\`) with
\`type\`, \`title\`, \`status\`, \`detail\`, \`code\`, \`request_id\`, and for wrong input \`errors\`: a list of
\`{"pointer", "detail"}\`, where the pointer is a JSON Pointer into the body (\`#/subscriptions/0/trigger\`) or the name of
a parameter. Decide by \`code\`; the texts may change. A 503 and a 429 carry \`Retry-After\` in seconds.

${sections.join('\n')}`;
}

interface Schema {
  type?: string;
  description?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
}

/** The format of contract.json as tables: a section for each object, a row for each member. */
export function formatPage(schema: object): string {
  const sections: string[] = [];
  addObject(schema as Schema, '', sections);
  return `# The format of contract.json

Every member that a contract may have; [contracts](README.md) says what they are for. Editors know it from \`/contract.schema.json\` of a
server. Members with a \\* are needed.

${sections.join('\n')}`;
}

function addObject(schema: Schema, path: string, sections: string[]): void {
  const required = new Set(schema.required);
  const rows: string[] = [];
  const inner: [string, Schema][] = [];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (name === '$schema') continue;
    const place = path === '' ? name : `${path}.${name}`;
    rows.push(`| \`${name}\`${required.has(name) ? ' \\*' : ''} | ${typeOf(member)} | ${meaningOf(member)} |`);
    for (const [suffix, object] of objectsIn(member)) inner.push([place + suffix, object]);
  }
  const title = path === '' ? '## The contract' : `## \`${path}\``;
  sections.push(`${title}\n\n| member | type | |\n| --- | --- | --- |\n${rows.join('\n')}\n`);
  for (const [place, object] of inner) addObject(object, place, sections);
}

/** Objects that a member holds, and how they are found in it. */
function objectsIn(schema: Schema): [suffix: string, schema: Schema][] {
  if (schema.oneOf) {
    return schema.oneOf.flatMap((variant): [string, Schema][] => {
      const scheme = variant.properties?.scheme?.const;
      return Object.keys(variant.properties ?? {}).length > 1 ? [[`(${String(scheme)})`, variant]] : [];
    });
  }
  if (schema.anyOf) return schema.anyOf.flatMap(objectsIn);
  if (schema.items) return objectsIn(schema.items).map(([suffix, object]) => [`[]${suffix}`, object]);
  const [byName] = Object.values(schema.patternProperties ?? {});
  if (byName) return objectsIn(byName).map(([suffix, object]) => [`.<name>${suffix}`, object]);
  return schema.properties ? [['', schema]] : [];
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.oneOf) return 'object';
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(', or ');
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${rangeOf(schema)}`;
  return schema.type ?? 'any JSON';
}

const rangeOf = ({ minimum, maximum }: Schema) =>
  minimum === undefined || maximum === undefined
    ? ''
    : `, ${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}`;

const meaningOf = ({ description, items }: Schema) => (description ?? items?.description ?? '').replaceAll('|', '\\|');
