import type { Attempt, DeliveryDetail, Endpoint } from '@posthorn/sdk';

type ErrorCode = NonNullable<Attempt['error']>;

/** What each code of an attempt means, and who can do what about it. */
const MEANING: Readonly<Record<ErrorCode, string>> = {
  dns_failed: "The name of the webhook's host cannot be resolved. The receiver should check the URL and its DNS.",
  blocked_address:
    'The URL leads to an address that deliveries may not reach. The operator can allow its network (POSTHORN_ALLOW_NETWORKS).',
  refused: "Nobody listens at the URL's port. The receiver should check that its server runs, and the port.",
  unreachable: "There is no way to the receiver's address: a network or firewall problem.",
  reset:
    'The receiver closed the connection before it answered: often a crash, a proxy, or a body that is too large for it.',
  tls_failed:
    "There is no valid TLS connection: the receiver's certificate has expired, is for another name, or lacks its chain.",
  not_tls: 'The receiver speaks plain HTTP where the URL says https.',
  timeout: "No answer came within the contract's time. The receiver should answer at once and do its work afterwards.",
  http_status: 'The receiver answered with a status outside 2xx.',
  invalid_response: 'What the receiver answered is no HTTP, or is over the limits.',
  invalid_url: 'Deliveries may not go to this URL. It has to be changed.',
  auth_failed: 'The token endpoint of the webhook gave no token; the detail says why. The delivery is tried again.',
  transform_failed:
    'The transformation of the webhook made no request; the detail says why. The delivery is tried again.',
  interrupted: 'The server stopped before the answer came; the delivery is tried again.',
};

const STATUS_HINTS: readonly [from: number, to: number, hint: string][] = [
  [300, 399, 'Redirects are not followed: the webhook should have the final URL.'],
  [
    401,
    403,
    'The receiver did not accept the request: is the signature verified with the current secret, over the raw body?',
  ],
  [404, 404, 'There is no such route at the receiver: is the path of the URL right?'],
  [405, 405, 'The route does not take POST.'],
  [410, 410, 'The receiver says that it is gone for good.'],
  [413, 413, 'The body is too large for the receiver.'],
  [429, 429, 'The receiver asks for fewer requests: a rate limit of the endpoint would help.'],
  [500, 599, "The receiver's own code failed, or what stands before it: its log says more."],
];

/** In words: what happened to a delivery, why, what comes next, and what can be done. */
export function explainDelivery(delivery: DeliveryDetail, endpoint: Endpoint | undefined): string {
  const { status, reason, attempts, attempt_count, next_attempt_at } = delivery;
  const last = attempts.reduce<Attempt | undefined>(
    (newest, one) => (newest && newest.number > one.number ? newest : one),
    undefined,
  );
  const lines = [
    `Delivery ${delivery.id} of ${delivery.trigger} is ${status}${reason === null ? '' : ` (${reason})`}, after ${attempt_count} attempts.`,
  ];
  if (status === 'skipped') lines.push(whySkipped(reason));
  if (last) lines.push(...explainAttempt(last));
  if (next_attempt_at !== null) lines.push(`The next attempt is due at ${next_attempt_at}.`);
  if (status === 'held') lines.push('It waits until its endpoint is activated.');
  if (status === 'discarded') lines.push('It is not tried again by itself; it can be resent.');
  if (!endpoint) lines.push('Its endpoint has been deleted.');
  else if (endpoint.status === 'inactive')
    lines.push(`Its endpoint ${endpoint.url} is inactive (${endpoint.inactive_reason}).`);
  return lines.join('\n');
}

function explainAttempt({ number, started_at, error, error_detail, response, duration_ms }: Attempt): string[] {
  if (error === null)
    return [
      `Attempt ${number} at ${started_at} succeeded with ${response?.status} after ${Math.round(duration_ms)} ms.`,
    ];
  const lines = [
    `Attempt ${number} at ${started_at} failed with ${error}${response ? ` ${response.status}` : ''} after ${Math.round(duration_ms)} ms.`,
    MEANING[error],
  ];
  if (error_detail) lines.push(error_detail);
  const hint = response && STATUS_HINTS.find(([from, to]) => response.status >= from && response.status <= to)?.[2];
  if (hint) lines.push(hint);
  return lines;
}

function whySkipped(reason: string | null): string {
  if (reason === 'endpoint_inactive')
    return 'Its endpoint was inactive when the event was published. A replay sends it.';
  if (reason === 'filtered') return "The filter of the endpoint's subscription did not let it pass.";
  if (reason === 'no_payload') return 'The event had no payload of the topic that the endpoint is subscribed to.';
  return 'It was not sent.';
}
