/** What the server answers, as far as the page reads it. The API's reference is at /docs. */
export type Permission = 'read' | 'webhooks' | 'keys';

export interface PageInfo {
  role: 'operator' | 'account';
  account: { id: string; name: string; contract: string } | null;
  permissions: Permission[];
  theme: {
    accent?: string;
    mode?: 'light' | 'dark' | 'auto';
    background?: string;
    font?: string;
    radius?: number;
    logo?: string;
    language?: string;
  };
  /** When the session ends. */
  expires_at: string | null;
  /** How many seconds were left, by the server's clock. */
  expires_in: number | null;
  /** The session shows this bin, and nothing else. */
  bin: string | null;
}

export interface Account {
  id: string;
  name: string;
  contract: string;
  created_at: string;
}

export interface Word {
  value: string;
  label: string;
  description: string;
}

export interface Pair {
  topic: string | null;
  trigger: string;
  schema: string | null;
  sample: unknown;
}

type Labels = Record<string, { label?: string; description?: string }>;

/** What a contract says in another language; what is not said stays. */
export interface Translation {
  words?: Partial<Contract['words']>;
  topics?: Labels;
  triggers?: Labels;
  groups?: Labels;
  scopes?: Labels;
  links?: Record<string, string>;
  /** Texts of the page, by their place: `messages.none`. */
  texts?: Record<string, string>;
}

export interface Contract {
  name: string;
  title: string;
  description: string;
  words: { endpoint: string; url: string; topic: string; trigger: string; secret: string };
  topics: Word[];
  triggers: (Word & { implies: { trigger: string }[]; order?: string[] })[];
  free_triggers: boolean;
  groups: { value: string; label: string; triggers: string[] }[];
  pairs: Pair[];
  empty_pairs: { topic: string | null; trigger: string }[];
  other_pairs: 'possible' | 'refused';
  schemas: Record<string, Schema>;
  versions: { values: string[]; default: string } | null;
  new_endpoint: 'active' | 'inactive';
  /** Where the page shows the API keys, and where the sender's documentation and support are. */
  page: {
    keys: 'section' | 'below-webhooks';
    links: { label: string; url: string }[];
    key_header: { name: string; before: string };
  };
  languages: Record<string, Translation>;
  body: BodyRules;
  signatures: string[];
  signature_overlap: boolean;
  signature: SignatureRules;
  scopes: { value: string; label: string; description?: string }[];
  policy: {
    retry_delays_ms: number[];
    /** From the first try to the last, where that is promised. */
    window_ms: number | null;
    rate_per_s: number | null;
    auto_disable: { failures: number; counts: string } | null;
    testing_mode: { duration_ms: number; interval_ms: number };
    retention_days: number;
  };
  limits: {
    https_only: boolean;
    endpoints_per_account: number;
    own_rate_limit: boolean;
    subscriptions_per_endpoint: number;
    wildcards: boolean;
  };
}

export interface BodyRules {
  encoder: 'json' | 'php-json';
  numbers?: 'php' | 'as-published';
  order?: string[];
  integers?: string[];
}

export interface SignatureRules {
  scheme: 'standard-webhooks' | 'hmac' | 'timestamped-hmac' | 'none';
  header?: string;
  hash?: string;
  encoding?: 'hex' | 'base64';
  prefix?: string;
  secret?: { prefix?: string; key: 'text' | 'bytes'; encoding: 'hex' | 'base64' };
}

export interface Schema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  $ref?: string;
  $defs?: Record<string, Schema>;
}

export type InactiveReason = 'new' | 'user' | 'consecutive_failures' | 'gone';

export interface Endpoint {
  id: string;
  url: string;
  description: string;
  status: 'active' | 'inactive';
  inactive_reason: InactiveReason | null;
  subscriptions: { topic?: string; trigger: string }[];
  headers: Record<string, string>;
  signature: string;
  public_key: string | null;
  version: string | null;
  rate_limit: number | null;
  /** Since when it has its status; null: since it was created. */
  status_at: string | null;
  testing_until: string | null;
  /** Until when a secret from before the last rotation signs, too. */
  previous_secret_until: string | null;
  created_at: string;
}

export interface Bucket {
  at: string;
  succeeded: number;
  discarded: number;
  skipped: number;
  /** Failed, and waiting for the next try. */
  retrying: number;
  /** Waiting until its webhook is activated. */
  held: number;
}

export interface EndpointStats {
  endpoint_id: string;
  hours: Bucket[];
  last_delivery_at: string | null;
  failures_in_a_row: number;
  retrying: number;
  /** Waiting until it is activated; at most 10,000 are counted. */
  held: number;
  failing: Failing | null;
}

/** What was answered last, when that was no success. */
export interface Failing {
  last_status: number | null;
  last_error: string | null;
}

export type DeliveryStatus = 'pending' | 'delivering' | 'held' | 'failed' | 'succeeded' | 'discarded' | 'skipped';

export interface Delivery {
  id: string;
  event_id: string;
  endpoint_id: string;
  topic: string | null;
  trigger: string;
  status: DeliveryStatus;
  reason: string | null;
  test: boolean;
  attempt_count: number;
  tries: number | null;
  last_status: number | null;
  last_error: string | null;
  created_at: string;
  next_attempt_at: string | null;
  finished_at: string | null;
}

export interface Attempt {
  number: number;
  started_at: string;
  url: string;
  error: string | null;
  error_detail: string | null;
  duration_ms: number;
  /** Both bodies are empty here: they are asked for with this attempt alone. */
  bodies_omitted: boolean;
  timings_ms: {
    dns: number | null;
    connect: number | null;
    tls: number | null;
    first_byte: number | null;
    total: number;
  };
  request: { headers: Record<string, string>; body: string; body_encoding: string };
  response: {
    status: number;
    headers: Record<string, string>;
    body: string;
    body_encoding: string;
    truncated: boolean;
  } | null;
}

export interface DeliveryDetail extends Delivery {
  attempts: Attempt[];
}

export interface ApiKey {
  id: string;
  label: string;
  scopes: string[];
  prefix: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  /** Until when a text from before the last rotation is valid, too. */
  previous_until: string | null;
  enabled: boolean;
  /** Whose calls are taken, as `203.0.113.0/24`; none: from everywhere. */
  networks: string[];
  last_refused_at: string | null;
  last_refusal: string | null;
  /** The last days of UTC on which it was used, newest first. */
  days: { day: string; calls: number; refusals: number }[];
}

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

export interface Stats {
  from: string;
  to: string;
  bucket_ms: number;
  volume: Bucket[];
  latency_ms: { p50: number | null; p95: number | null; p99: number | null; attempts: number };
  latency: { at: string; p50: number; p95: number; p99: number }[];
  failures: {
    endpoint_id: string;
    status: number | null;
    error: string | null;
    count: number;
    first_at: string;
    last_at: string;
  }[];
  oldest_waiting_at: string | null;
}

export interface Replay {
  id: string | null;
  count: number;
  done: number;
  /** Of a plan: how many the filter finds. */
  matched?: number;
  /** Of a plan: those of `count` whose webhook is inactive. */
  held?: number;
  rate_per_s: number;
  seconds: number;
  status: 'planned' | 'running' | 'finished' | 'cancelled';
}

export interface Bin {
  id: string;
  url: string;
  status: number;
  delay_ms: number;
  body: string;
  headers: Record<string, string>;
  expires_at: string;
}

export interface BinRequest {
  id: string;
  at: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  body_encoding: string;
  truncated: boolean;
  verified_by: string | null;
}

export interface Verdict {
  valid: boolean;
  diagnosis: string;
  header: string | null;
  given: string | null;
  expected: string | null;
}

export interface AuditEntry {
  id: string;
  account_id: string | null;
  actor: string;
  user_name: string | null;
  action: string;
  target: string | null;
  detail: Record<string, unknown>;
  at: string;
}

export interface ContractSummary {
  name: string;
  title: string;
  description: string;
}

export interface NodeInfo {
  id: number;
  host: string;
  started_at: string;
  heartbeat_at: string;
  finished_per_s: number;
  in_flight: number;
  in_memory: number;
  is_this: boolean;
}

export interface FailingEndpoint {
  account_id: string;
  account_name: string;
  endpoint_id: string;
  url: string;
  status: 'active' | 'inactive';
  reason: InactiveReason | null;
  failures_in_a_row: number;
  retrying: number;
}

/** How an account is doing, for the console. */
export interface AccountDay {
  account_id: string;
  succeeded: number;
  discarded: number;
  last_delivery_at: string | null;
  endpoints: number;
  failing: number;
  switched_off: number;
}

/** How the installation is doing. */
export interface Overview {
  accounts: number;
  waiting: number;
  finished_per_s: number;
  in_flight: number;
  in_memory: number;
  oldest_waiting_at: string | null;
  nodes: NodeInfo[];
  database: { version: string; size_bytes: number; oldest_day: string | null };
  volume: Bucket[];
  failing: FailingEndpoint[];
}
