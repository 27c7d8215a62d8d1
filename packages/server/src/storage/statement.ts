import { readFileSync } from 'node:fs';

/** What a statement's parameters may be. Buffers travel in binary: bytea, or an array made by `arrays.ts`. */
export type Parameter = string | number | boolean | Date | Buffer | null;

const SQL_FOLDER = new URL('../../src/storage/sql/', import.meta.url);

/** A statement from `sql/<name>.sql`, prepared once per connection. */
export interface Statement {
  name: string;
  text: string;
}

export function statement(name: string): Statement {
  return { name, text: readFileSync(new URL(`${name}.sql`, SQL_FOLDER), 'utf8') };
}
