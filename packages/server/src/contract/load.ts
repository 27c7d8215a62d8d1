import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { DeliveryPolicy } from '../domain/policy.ts';
import { isTrigger, isTriggerPattern } from '../domain/subscription.ts';
import { compileEnvelope, ENVELOPE_FIELDS, type EnvelopeField } from './body.ts';
import type { Contract } from './contract.ts';
import { compileHeaders, HEADER_FIELDS, type HeaderField } from './headers.ts';

const closed = { additionalProperties: false };
const fieldOf = <T extends string>(fields: readonly string[]) => Type.Unsafe<T>(Type.Enum([...fields]));
const count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const statuses = Type.Array(count(100, 599));

/** The form of `contract.json`. */
export const ContractDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' }),
    title: Type.String(),
    description: Type.String(),
    triggers: Type.Literal('free'),
    body: Type.Object(
      {
        encoder: Type.Literal('json'),
        envelope: Type.Record(Type.String(), fieldOf<EnvelopeField>(ENVELOPE_FIELDS)),
      },
      closed,
    ),
    headers: Type.Record(Type.String({ pattern: '^[a-z0-9-]+$' }), fieldOf<HeaderField>(HEADER_FIELDS), closed),
    signature: Type.Object({ scheme: Type.Literal('standard-webhooks') }, closed),
    policy: Type.Object(
      {
        timeouts: Type.Object(
          {
            connect_ms: count(1, 60_000),
            headers_ms: count(1, 60_000),
            body_ms: count(1, 60_000),
            total_ms: count(1, 60_000),
          },
          closed,
        ),
        retry_delays_s: Type.Array(Type.Number({ minimum: 0, maximum: 30 * 86_400 }), { maxItems: 100 }),
        jitter: Type.Enum(['full', 'equal', 'none']),
        retry_after: Type.Object({ cap_s: count(0, 30 * 86_400), above: Type.Enum(['cap', 'fail']) }, closed),
        final_statuses: statuses,
        gone_statuses: statuses,
        concurrency: count(1, 1000),
        retention_days: count(1, 366),
      },
      closed,
    ),
    limits: Type.Object(
      {
        https_only: Type.Boolean(),
        endpoints_per_account: count(1, 10_000),
        subscriptions_per_endpoint: count(1, 1000),
        payload_bytes: count(1, 16 * 1024 * 1024),
      },
      closed,
    ),
    scopes: Type.Array(Type.Object({ value: Type.String(), label: Type.String() }, closed)),
  },
  closed,
);

type ContractDocument = Type.Static<typeof ContractDocument>;

const checker = Compile(ContractDocument);

/** A contract that cannot be used. The message names the file, the place in it and the reason. */
export class BrokenContract extends Error {
  constructor(file: string, reason: string) {
    super(`${file}: ${reason}`);
    this.name = 'BrokenContract';
  }
}

/** Reads every folder in `root` that holds a `contract.json`. @throws BrokenContract */
export function loadContracts(root: string): Map<string, Contract> {
  const contracts = new Map<string, Contract>();
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const file = join(root, entry.name, 'contract.json');
    const contract = compileContract(readDocument(file));
    if (contract.name !== entry.name) throw new BrokenContract(file, `"name" must be the folder's name, ${entry.name}`);
    contracts.set(contract.name, contract);
  }
  return contracts;
}

function readDocument(file: string): ContractDocument {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BrokenContract(file, error instanceof Error ? error.message : String(error));
  }
  if (!checker.Check(document)) {
    const [first] = checker.Errors(document);
    throw new BrokenContract(file, `${first?.instancePath || '/'} ${first?.message ?? 'has the wrong form'}`);
  }
  return document;
}

export function compileContract(document: ContractDocument): Contract {
  return {
    name: document.name,
    title: document.title,
    description: document.description,
    policy: compilePolicy(document.policy),
    limits: {
      httpsOnly: document.limits.https_only,
      endpointsPerAccount: document.limits.endpoints_per_account,
      subscriptionsPerEndpoint: document.limits.subscriptions_per_endpoint,
      payloadBytes: document.limits.payload_bytes,
    },
    scopes: document.scopes,
    encodeBody: compileEnvelope(document.body.envelope),
    writeHeaders: compileHeaders(document.headers),
    hasTrigger: isTrigger,
    hasPattern: isTriggerPattern,
  };
}

function compilePolicy(policy: ContractDocument['policy']): DeliveryPolicy {
  return {
    timeouts: {
      connectMs: policy.timeouts.connect_ms,
      headersMs: policy.timeouts.headers_ms,
      bodyMs: policy.timeouts.body_ms,
      totalMs: policy.timeouts.total_ms,
    },
    retryDelaysMs: policy.retry_delays_s.map((seconds) => seconds * 1000),
    jitter: policy.jitter,
    retryAfter: { capMs: policy.retry_after.cap_s * 1000, above: policy.retry_after.above },
    finalStatuses: new Set(policy.final_statuses),
    goneStatuses: new Set(policy.gone_statuses),
    concurrency: policy.concurrency,
    retentionDays: policy.retention_days,
  };
}
