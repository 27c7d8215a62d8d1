import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import writerOf, { type Schema } from 'fast-json-stringify';
import { isInstant } from '../domain/instant.ts';
import type { App } from './app.ts';

const FORMATS: Options['formats'] = { 'date-time': isInstant };
/** Bodies are taken as they are: a string is not a number. The first error ends it: a body may have millions. */
const STRICT = new Ajv({ coerceTypes: false, useDefaults: false, allErrors: false, strict: false, formats: FORMATS });
/** Paths, queries and headers are text, from which numbers are read. */
const LENIENT = new Ajv({ coerceTypes: true, useDefaults: false, allErrors: true, strict: false, formats: FORMATS });

/**
 * Requests are checked and answers written by code that is made of the routes' schemas: when it is needed first, since most
 * of a hundred routes are not called for days, and all of that code would be a tenth of the memory of a server at rest.
 */
export function checkAndWriteBySchema(app: App): void {
  app.setValidatorCompiler<Schema>(({ schema, httpPart }) => {
    let check: ValidateFunction | undefined;
    // Fastify looks for what is wrong at the function that it has called.
    const checkFirst = (data: unknown): boolean => {
      check ??= (httpPart === 'body' ? STRICT : LENIENT).compile(schema);
      const isRight = check(data);
      checkFirst.errors = check.errors ?? null;
      return isRight;
    };
    checkFirst.errors = null as ErrorObject[] | null;
    return checkFirst;
  });
  app.setSerializerCompiler<Schema>(({ schema }) => {
    let write: ((data: unknown) => string) | undefined;
    return (data: unknown) => {
      write ??= writerOf(schema, { schema: app.getSchemas() as Record<string, Schema> });
      return write(data);
    };
  });
}
