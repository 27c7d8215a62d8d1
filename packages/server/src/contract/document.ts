import { type TSchema, Type } from 'typebox';

const closed = { additionalProperties: false };
const count = (minimum: number, maximum: number, description?: string) =>
  Type.Integer({ minimum, maximum, ...(description === undefined ? {} : { description }) });
const text = (description: string) => Type.String({ description });

const Name = Type.String({ pattern: '^[A-Za-z0-9_]+([./-][A-Za-z0-9_]+)*$', maxLength: 128 });
const Words = { value: Name, label: Type.Optional(Type.String()), description: Type.Optional(Type.String()) };
const Schema = Type.Optional(
  Type.String({
    pattern: '^[A-Za-z0-9_.-]+\\.json$',
    description: 'File in schemas/; `<value>.json` when there is one',
  }),
);
const Statuses = Type.Array(Type.Union([count(100, 599), Type.Enum(['3xx', '4xx', '5xx'])]));
const PairRule = Type.Object({ topic: Name, trigger: Name }, closed);

const Topic = Type.Object({ ...Words, schema: Schema }, closed);
const Trigger = Type.Object(
  {
    ...Words,
    schema: Schema,
    implies: Type.Optional(
      Type.Array(
        Type.Object(
          {
            trigger: Name,
            when: Type.Optional(
              Type.Object({ present: Type.Optional(Type.String()), absent: Type.Optional(Type.String()) }, closed),
            ),
            copy: Type.Array(Type.String(), { description: "Members that the implied event's payload takes over" }),
          },
          closed,
        ),
        { description: 'Events that are published along with this one' },
      ),
    ),
    unsent: Type.Optional(
      Type.Array(Type.String(), { description: 'Members of the payload that rules read and receivers do not get' }),
    ),
    order: Type.Optional(Type.Array(Type.String(), { description: "Instead of the body's order" })),
  },
  closed,
);

const Hmac = {
  header: Type.String({ pattern: '^[A-Za-z0-9-]+$' }),
  hash: Type.Enum(['sha1', 'sha256', 'sha512']),
  encoding: Type.Enum(['hex', 'base64']),
  secret: Type.Object(
    {
      prefix: Type.Optional(Type.String({ pattern: '^[\\x21-\\x7e]*$', maxLength: 32 })),
      bytes: count(16, 64, 'Random bytes of a secret made here'),
      encoding: Type.Enum(['hex', 'base64']),
      key: Type.Enum(['text', 'bytes'], {
        description: "What keys the HMAC: the secret's text, or the bytes that its part behind the prefix encodes",
      }),
    },
    closed,
  ),
};

/** A union told apart by one member, so that a mistake is named by the variant that was meant. */
const byScheme = <T extends TSchema[]>(...variants: T) =>
  Type.Unsafe<Type.Static<T[number]>>({
    type: 'object',
    required: ['scheme'],
    discriminator: { propertyName: 'scheme' },
    oneOf: variants,
  });

export const SignatureRules = byScheme(
  Type.Object(
    {
      scheme: Type.Literal('standard-webhooks'),
      header: Type.Optional(
        Type.String({
          pattern: '^([Ww]ebhook|[Ss]vix)-[Ss]ignature$',
          description: 'As it is to be spelt; `svix-signature` goes with `svix-id` and `svix-timestamp`',
        }),
      ),
    },
    closed,
  ),
  Type.Object(
    { scheme: Type.Literal('hmac'), prefix: Type.Optional(text('Before the signature, as `sha256=`')), ...Hmac },
    { ...closed, description: 'HMAC of the body' },
  ),
  Type.Object(
    {
      scheme: Type.Literal('timestamped-hmac'),
      version: Type.Optional(Type.Enum(['v0', 'v1'], { description: 'What the signature is called; `v1` without it' })),
      ...Hmac,
    },
    { ...closed, description: '`t=<seconds>,v1=<HMAC of "<seconds>.<body>">`' },
  ),
  Type.Object({ scheme: Type.Literal('none') }, closed),
);

const Policy = Type.Object(
  {
    timeouts: Type.Optional(
      Type.Object(
        {
          connect_ms: Type.Optional(count(1, 60_000)),
          headers_ms: Type.Optional(count(1, 60_000)),
          body_ms: Type.Optional(count(1, 60_000)),
          total_ms: Type.Optional(count(1, 60_000)),
        },
        closed,
      ),
    ),
    retry_delays_s: Type.Optional(
      Type.Array(Type.Number({ minimum: 0, maximum: 30 * 86_400 }), {
        maxItems: 100,
        description: 'Waits before the second, third, ... attempt',
      }),
    ),
    window_s: Type.Optional(
      count(1, 30 * 86_400, 'Of retry_delays_s: the last try falls into the last hour of it, or its last twentieth'),
    ),
    backoff: Type.Optional(
      Type.Object(
        {
          base_s: Type.Number({ minimum: 0.001, maximum: 86_400 }),
          factor: Type.Number({ minimum: 1, maximum: 10 }),
          cap_s: Type.Number({ minimum: 1, maximum: 30 * 86_400 }),
          attempts: Type.Optional(count(1, 100, 'At most, the first included')),
          window_s: Type.Optional(count(1, 30 * 86_400, 'All retries are made within this time from the first try')),
        },
        { ...closed, description: 'Instead of retry_delays_s: base, base * factor, ... each at most the cap' },
      ),
    ),
    jitter: Type.Optional(
      Type.Enum(['full', 'equal', 'tenth', 'none'], {
        description: 'full: 0 to the delay; equal: half to all of it; tenth: a tenth less or more',
      }),
    ),
    retry_after: Type.Optional(
      Type.Object(
        {
          cap_s: count(0, 30 * 86_400),
          above: Type.Enum(['cap', 'fail', 'ignore'], {
            description: 'A longer Retry-After: wait for the cap, give up, or keep to the schedule',
          }),
        },
        closed,
      ),
    ),
    final_statuses: Type.Optional(
      Type.Unsafe<(number | string)[]>({ ...Statuses, description: 'No retry after these' }),
    ),
    retryable_statuses: Type.Optional(
      Type.Unsafe<(number | string)[]>({ ...Statuses, description: 'Exceptions from final_statuses' }),
    ),
    gone_statuses: Type.Optional(
      Type.Array(count(100, 599), { description: 'The endpoint is switched off; final, too' }),
    ),
    rate_limit: Type.Optional(
      Type.Object(
        { per_s: count(1, 1000) },
        { ...closed, description: 'Requests to one endpoint in any second, in order, over all nodes' },
      ),
    ),
    concurrency: Type.Optional(count(1, 1000, 'Requests to one endpoint at a time')),
    auto_disable: Type.Optional(
      Type.Object(
        {
          failures: count(1, 100_000, 'In a row'),
          counts: Type.Enum(['attempts', 'deliveries'], {
            description: 'Every failed attempt, or every delivery that was given up',
          }),
        },
        closed,
      ),
    ),
    on_exhausted: Type.Optional(Type.Enum(['keep', 'deactivate-endpoint', 'delete-endpoint'])),
    testing_mode: Type.Optional(
      Type.Object({ duration_s: count(1, 30 * 86_400), interval_s: count(1, 86_400) }, closed),
    ),
    retention_days: Type.Optional(count(1, 366)),
  },
  closed,
);

const OwnWords = {
  endpoint: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  trigger: Type.Optional(Type.String()),
  secret: Type.Optional(Type.String()),
};
const Labels = Type.Optional(
  Type.Record(
    Type.String(),
    Type.Object({ label: Type.Optional(Type.String()), description: Type.Optional(Type.String()) }, closed),
  ),
);
export const Translation = Type.Object(
  {
    words: Type.Optional(Type.Object(OwnWords, closed)),
    topics: Labels,
    triggers: Labels,
    groups: Labels,
    scopes: Labels,
    links: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Labels of links, by the label that they have' }),
    ),
    texts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.]+$' }), Type.String(), {
        description:
          'Texts of the page, by their place in its language file, as `messages.none`; {1} and {2} stand for what the page puts in',
      }),
    ),
  },
  closed,
);

export const BodyRules = Type.Object(
  {
    encoder: Type.Enum(['json', 'php-json']),
    numbers: Type.Optional(
      Type.Enum(['php', 'as-published'], {
        description: 'Of php-json: as PHP writes them (5 for 5.0), or digit by digit as they were published',
      }),
    ),
    envelope: Type.Optional(
      Type.Unknown({ description: 'JSON; "{payload}" stands for the payload, "{field}" for a field' }),
    ),
    set: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    defaults: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    order: Type.Optional(
      Type.Array(Type.String(), { description: 'Members that come first, wherever they stand in the payload' }),
    ),
    integers: Type.Optional(
      Type.Array(Type.String(), { description: 'Members that are written as integers: 7 for 7.0 and 0.7e1' }),
    ),
  },
  closed,
);

/** The form of `contract.json`. Published at `/contract.schema.json` for editors. */
export const ContractDocument = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', description: "The folder's name" }),
    title: Type.String(),
    description: Type.Optional(Type.String()),
    words: Type.Optional(
      Type.Object(OwnWords, { ...closed, description: "The sender's own words for our ideas, for the page" }),
    ),
    languages: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$' }), Translation, {
        description: 'What people read, in other languages, by language tag: what is not said stays',
      }),
    ),
    topics: Type.Optional(Type.Array(Topic)),
    triggers: Type.Union([
      Type.Literal('free', { description: 'Every well-formed trigger exists' }),
      Type.Literal('topics', { description: 'Every topic is its own trigger' }),
      Type.Array(Trigger, { minItems: 1 }),
    ]),
    groups: Type.Optional(
      Type.Array(Type.Object({ value: Name, label: Type.String(), triggers: Type.Array(Name) }, closed)),
    ),
    pairs: Type.Optional(Type.Array(PairRule, { description: 'Pairs that yield a payload; each has a sample' })),
    empty_pairs: Type.Optional(
      Type.Array(PairRule, { description: 'Pairs that can be subscribed to and never yield a payload' }),
    ),
    other_pairs: Type.Optional(Type.Enum(['possible', 'refused'])),
    payload_check: Type.Optional(Type.Enum(['reject', 'warn', 'off'])),
    body: BodyRules,
    headers: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), Type.String(), closed)),
    signature: SignatureRules,
    versions: Type.Optional(
      Type.Object({ values: Type.Array(Type.String(), { minItems: 1 }), default: Type.String() }, closed),
    ),
    policy: Policy,
    limits: Type.Optional(
      Type.Object(
        {
          https_only: Type.Optional(Type.Boolean()),
          endpoints_per_account: Type.Optional(count(1, 10_000)),
          subscriptions_per_endpoint: Type.Optional(count(1, 1000)),
          wildcards: Type.Optional(
            Type.Boolean({ description: 'Subscriptions may be to `*` and prefixes as `order.*`' }),
          ),
          payload_bytes: Type.Optional(count(1, 16 * 1024 * 1024)),
          filters: Type.Optional(Type.Boolean({ description: 'Subscriptions may have filters over the payload' })),
          authentication: Type.Optional(
            Type.Boolean({ description: 'Endpoints may authenticate with a password, a token, or OAuth 2' }),
          ),
          transformations: Type.Optional(
            Type.Boolean({ description: 'Endpoints may reshape their requests by a JavaScript function' }),
          ),
          own_concurrency: Type.Optional(
            Type.Boolean({ description: 'Endpoints may ask for fewer requests at a time than the contract has' }),
          ),
          thin_events: Type.Optional(
            Type.Boolean({ description: 'Endpoints may have events without their payloads: id and trigger' }),
          ),
          ordered_delivery: Type.Optional(
            Type.Boolean({
              description: 'Subscriptions may name an ordering key: its deliveries are sent one after the other',
            }),
          ),
          own_rate_limit: Type.Optional(
            Type.Boolean({ description: 'Endpoints may set a rate limit, if there is one below that of the contract' }),
          ),
        },
        closed,
      ),
    ),
    page: Type.Optional(
      Type.Object(
        {
          keys: Type.Optional(
            Type.Enum(['section', 'below-webhooks'], { description: 'Where API keys are: a section, or on one page' }),
          ),
          key_header: Type.Optional(
            Type.String({
              pattern: '^[A-Za-z0-9-]+: ([A-Za-z0-9]+ )?\\{key\\}$',
              description:
                "How the sender's API takes a key, as `Authorization: Bearer {key}`, which it is without this",
            }),
          ),
          links: Type.Optional(
            Type.Array(
              Type.Object(
                {
                  label: Type.String({ minLength: 1, maxLength: 60 }),
                  url: Type.String({ pattern: '^(https://|mailto:)\\S+$', maxLength: 2048 }),
                },
                closed,
              ),
              { maxItems: 8, description: "Where the sender's own documentation and support are: below the webhooks" },
            ),
          ),
        },
        { ...closed, description: 'How the page is laid out' },
      ),
    ),
    test_trigger: Type.Optional(Type.String({ description: 'What "Send test" sends; else what is subscribed to' })),
    event_types: Type.Optional(
      Type.Boolean({ description: 'Event types may be declared by the API, where triggers are free' }),
    ),
    new_endpoint: Type.Optional(Type.Enum(['active', 'inactive'])),
    ownership_proof: Type.Optional(
      Type.Boolean({ description: 'Receivers echo a challenge before their endpoint becomes active' }),
    ),
    key_prefix: Type.Optional(Type.String({ pattern: '^[a-z0-9_]{1,16}$', description: 'Of API keys' })),
    scopes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            value: Type.String({ pattern: '^(?!posthorn:)', description: 'Not `posthorn:…`: those are ours' }),
            label: Type.String(),
            description: Type.Optional(Type.String()),
          },
          closed,
        ),
      ),
    ),
  },
  { ...closed, $id: 'https://posthorn.dev/contract.schema.json', title: 'Posthorn contract' },
);

export type ContractDocument = Type.Static<typeof ContractDocument>;
