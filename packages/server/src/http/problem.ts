import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { CATALOGUE, type ErrorCode, type PlaceOfError, Problem, pointerTo } from '../domain/errors.ts';
import { TooManyRequests } from '../domain/too-many-requests.ts';
import { kindOf, sqlStateOf } from '../storage/database-errors.ts';
import { ACCEPTED_ENCODINGS } from './json-body.ts';

const RETRY_AFTER_S = 2;

/** RFC 9457 problem details. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'A page about this kind of error' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened here, and what to do' }),
    code: Type.Enum(Object.keys(CATALOGUE), { description: 'Stable; decide by this' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'JSON Pointer (RFC 6901) into the body, or the name of a parameter' }),
          detail: Type.String(),
        }),
      ),
    ),
    request_id: Type.String(),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details' },
);

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem instanceof TooManyRequests) reply.header('retry-after', String(problem.retryAfterS));
  if (problem.status === 503) reply.header('retry-after', String(RETRY_AFTER_S));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="posthorn"');
  if (problem.code === 'unsupported_encoding') reply.header('accept-encoding', ACCEPTED_ENCODINGS);
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(presentProblem(problem, request.id));
}

export function presentProblem(problem: Problem, requestId: string) {
  return {
    type: `/docs/errors#${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    ...(problem.places.length > 0 ? { errors: problem.places } : {}),
    request_id: requestId,
  };
}

/** Turns whatever a handler throws into a problem. Anything unexpected is logged and told as little as possible. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error);
  if (problem.code === 'internal_error') request.log.error({ err: error }, 'unexpected error');
  return sendProblem(request, reply, problem);
}

const BY_FASTIFY_CODE: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_BAD_URL: 'route_not_found',
};
/** By the status of any other error of the framework and its plugins: each says by a 4xx that the request was wrong. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'malformed_request',
  403: 'route_not_found',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'route_not_found',
  415: 'unsupported_media_type',
};

/** What any error means to a caller. */
export function toProblem(thrown: unknown): Problem {
  const error = thrown as FastifyError;
  if (error instanceof Problem) return error;
  if (error.validation) {
    const places = withoutAlternatives(error.validation).map((v) =>
      toPlace(v, error.validationContext === 'body' || error.validationContext === undefined),
    );
    const first = places[0];
    return new Problem('invalid_request', first && `${first.pointer}: ${first.detail}`, places);
  }
  const code = BY_FASTIFY_CODE[error.code] ?? BY_STATUS[error.statusCode ?? 0];
  if (code)
    return new Problem(code, code === 'malformed_json' || code === 'payload_too_large' ? error.message : undefined);
  // RangeError: nested too deeply to be written.
  return error instanceof RangeError ? unstorable() : ofDatabase(error);
}

/** Migration 0034: the database refuses what would not come along. */
const IS_MOVING = 'PH001';

function ofDatabase(error: unknown): Problem {
  if (sqlStateOf(error) === IS_MOVING) return new Problem('account_moving');
  switch (kindOf(error)) {
    case 'away':
    case 'read_only':
    case 'full':
      return new Problem('database_unavailable');
    case 'busy':
    case 'try_again':
    case 'no_partition':
      return new Problem('overloaded', 'The database is busy; try again.');
    case 'bad_row':
      return unstorable();
    case 'defect':
      return new Problem('internal_error');
  }
}

/** Text that PostgreSQL cannot store, such as a zero byte. */
function unstorable(): Problem {
  return new Problem(
    'invalid_request',
    'The request holds text that cannot be stored (a zero byte, half a surrogate pair, or very deep nesting).',
  );
}

type Validation = NonNullable<FastifyError['validation']>[number];

/** Of what may be null, or one of several things, what is wrong with the one that was meant. */
function withoutAlternatives(all: Validation[]): Validation[] {
  const told = all.filter(
    ({ keyword, params }) => keyword !== 'anyOf' && !(keyword === 'type' && params.type === 'null'),
  );
  return told.length === 0 ? all : told;
}

function toPlace({ instancePath, keyword, params, message }: Validation, isBody: boolean): PlaceOfError {
  const named =
    keyword === 'required'
      ? params.missingProperty
      : keyword === 'additionalProperties'
        ? params.additionalProperty
        : undefined;
  const path = typeof named === 'string' ? pointerTo(instancePath, named) : instancePath;
  const allowed =
    keyword === 'enum' && Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(', ')}` : '';
  const detail =
    keyword === 'required'
      ? 'is missing'
      : keyword === 'additionalProperties'
        ? 'is not known here'
        : `${message ?? 'is wrong'}${allowed}`;
  return { pointer: isBody ? `#${path}` : path.slice(1), detail };
}
