import type { Contract } from './contract.ts';

/**
 * A contract as JSON text for people and pages: made once, and with the samples' own text, because parsing them would
 * change 5.0 to 5.
 */
export function describeContract(contract: Contract): string {
  const { catalog, payloads, policy, limits, scopes, versions } = contract;
  const head = JSON.stringify({
    name: contract.name,
    title: contract.title,
    description: contract.description,
    words: contract.words,
    topics: catalog.rules.topics.map(({ value, label, description }) => ({ value, label, description })),
    triggers: catalog.triggers.map(
      ({ value, label, description, order, deprecated = false, version, implies = [] }) => ({
        value,
        label,
        description,
        ...(order ? { order } : {}),
        ...(deprecated ? { deprecated } : {}),
        ...(version === undefined ? {} : { version }),
        implies: implies.map(({ trigger, when }) => ({ trigger, ...(when ? { when } : {}) })),
      }),
    ),
    free_triggers: catalog.isFree,
    groups: catalog.rules.groups,
    empty_pairs: catalog.rules.emptyPairs,
    other_pairs: catalog.rules.otherPairs,
    payload_check: contract.payloadCheck,
    schemas: Object.fromEntries(payloads.schemas),
    versions: versions ?? null,
    event_types: contract.eventTypes,
    new_endpoint: contract.newEndpoint,
    ownership_proof: contract.ownershipProof,
    page: { keys: contract.page.keys, links: contract.page.links, key_header: contract.page.keyHeader },
    languages: contract.languages,
    body: contract.bodyRules,
    signature: contract.signatureRules,
    signatures: contract.signature.kinds,
    signature_overlap: contract.signature.canOverlap,
    scopes,
    policy: {
      timeouts_ms: {
        connect: policy.timeouts.connectMs,
        headers: policy.timeouts.headersMs,
        body: policy.timeouts.bodyMs,
        total: policy.timeouts.totalMs,
      },
      retry_delays_ms: policy.retryDelaysMs,
      jitter: policy.jitter,
      window_ms: policy.window?.ms ?? null,
      retry_after: { cap_ms: policy.retryAfter.capMs, above: policy.retryAfter.above },
      final_statuses: [...policy.finalStatuses],
      gone_statuses: [...policy.goneStatuses],
      rate_per_s: policy.ratePerS ?? null,
      concurrency: policy.concurrency,
      auto_disable: policy.autoDisable ?? null,
      on_exhausted: policy.onExhausted,
      testing_mode: { duration_ms: policy.testingMode.durationMs, interval_ms: policy.testingMode.intervalMs },
      retention_days: policy.retentionDays,
    },
    limits: {
      https_only: limits.httpsOnly,
      endpoints_per_account: limits.endpointsPerAccount,
      subscriptions_per_endpoint: limits.subscriptionsPerEndpoint,
      wildcards: catalog.rules.wildcards,
      payload_bytes: limits.payloadBytes,
      filters: limits.filters,
      authentication: limits.authentication,
      transformations: limits.transformations,
      own_rate_limit: limits.ownRateLimit,
      own_concurrency: limits.ownConcurrency,
      thin_events: limits.thinEvents,
      ordered_delivery: limits.orderedDelivery,
    },
  });
  const pairs = catalog.rules.pairs.map((pair) => {
    const schema = payloads.schemaOf(pair) ?? null;
    const sample = payloads.sampleOf(pair)?.toString('utf8') ?? 'null';
    return `${JSON.stringify({ ...pair, schema }).slice(0, -1)},"sample":${sample}}`;
  });
  return `${head.slice(0, -1)},"pairs":[${pairs.join(',')}]}`;
}
