/** The page's longer texts in one place, so that they can be translated. */

export const REASON: Record<string, string> = {
  new: 'not activated yet',
  user: 'deactivated by hand',
  consecutive_failures: 'too many failures',
  gone: 'answered 410 Gone',
};

export const SKIPPED: Record<string, string> = {
  endpoint_inactive: 'Not sent: the webhook was inactive when the event happened.',
  no_payload: 'Not sent: this event has no payload for the topic of the webhook.',
};

export const DISCARDED: Record<string, string> = {
  retries_exhausted: 'All retries are used up.',
  final_status: 'This answer is final: it is not tried again.',
  retry_after_too_long: 'Your server asked to wait longer than is allowed.',
  gone: 'Your server said that it is gone for good (410).',
  test: 'Tests are tried once.',
  endpoint_deleted: 'The webhook was deleted.',
};

/** What went wrong with a request, and what to do about it. */
export const ATTEMPT_ERROR: Record<string, { what: string; todo: string }> = {
  dns_failed: {
    what: 'the name of the server could not be resolved',
    todo: 'Check the host name in the URL and its DNS records.',
  },
  blocked_address: { what: 'the URL leads to an address that webhooks may not reach', todo: 'Use a public address.' },
  refused: { what: 'nobody listens at this address', todo: 'Check that your server runs and that the port is right.' },
  unreachable: {
    what: 'there is no way to the server',
    todo: 'Check the network and the firewall in front of your server.',
  },
  reset: { what: 'the connection broke', todo: 'Check for crashes and for limits of proxies in front of your server.' },
  tls_failed: {
    what: 'no secure connection could be made',
    todo: 'Check the certificate: its chain, its name and its date.',
  },
  timeout: { what: 'your server took too long', todo: 'Answer first and do the work afterwards.' },
  http_status: {
    what: 'your server did not answer with a 2xx status',
    todo: 'Look at the response below: it is what your server said.',
  },
  invalid_response: { what: 'the answer was not valid HTTP', todo: 'Check what answers at this address.' },
  invalid_url: { what: 'the URL cannot be used', todo: 'Correct the URL of the webhook.' },
  interrupted: { what: 'the attempt was interrupted on our side', todo: 'It is tried again by itself.' },
};

export const DIAGNOSIS: Record<string, { title: string; todo: string }> = {
  valid: { title: 'The signature is right.', todo: 'Headers and body are what was sent.' },
  valid_but_old: {
    title: 'The signature is right, but the timestamp is more than five minutes off.',
    todo: 'Libraries refuse this as a replay. Check the clock of your server, or verify when the request arrives.',
  },
  unsigned_contract: { title: 'These webhooks are not signed.', todo: 'There is nothing to verify.' },
  signature_missing: {
    title: 'The signature header is missing.',
    todo: 'Paste all headers of the request. If it is not there, a proxy may drop it.',
  },
  id_or_timestamp_missing: {
    title: 'The id or the timestamp header is missing.',
    todo: 'Both are part of what is signed: webhook-id and webhook-timestamp.',
  },
  body_reserialized: {
    title: 'The body was parsed and written again.',
    todo: 'Verify the raw bytes as they arrive, before any JSON parser. Spaces, escapes and number formats matter.',
  },
  body_trimmed: {
    title: 'White space was added at the beginning or end of the body.',
    todo: 'Verify exactly the bytes that arrive.',
  },
  header_truncated: { title: 'The signature is cut short.', todo: 'Copy the whole value of the header.' },
  wrong_secret_or_body: {
    title: 'The signature was made with another secret, or for another body.',
    todo: 'Compare the secret in your code with the one of this webhook, and make sure that headers and body are of the same request.',
  },
};

const ACTIONS: Record<string, string> = {
  createAccount: 'Created the account',
  changeAccount: 'Changed the account',
  deleteAccount: 'Deleted the account',
  createEndpoint: 'Created a webhook',
  changeEndpoint: 'Changed a webhook',
  deleteEndpoint: 'Deleted a webhook',
  activateEndpoint: 'Activated a webhook',
  deactivateEndpoint: 'Deactivated a webhook',
  setTestingMode: 'Switched testing mode',
  rotateSecret: 'Rotated a secret',
  getSecret: 'Looked at a secret',
  testEndpoint: 'Sent a test',
  retryDelivery: 'Resent a message',
  replay: 'Replayed messages',
  cancelReplay: 'Cancelled a replay',
  createKey: 'Generated an API key',
  changeKey: 'Changed an API key',
  deleteKey: 'Deleted an API key',
  rotateKey: 'Rotated an API key',
  createBin: 'Created a request bin',
  changeBin: 'Changed a request bin',
  deleteBin: 'Deleted a request bin',
  createPageSession: 'Opened the Developers page',
};

export const actionText = (action: string): string => ACTIONS[action] ?? action;
