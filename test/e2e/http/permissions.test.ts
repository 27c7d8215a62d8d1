/** What each permission of a page session may call: every operation of the API, one by one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PERMISSION_OF } from '../../../packages/server/src/http/roles.ts';
import { query } from '../../support/database.ts';
import { OPERATOR_KEY, startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

type Permission = 'read' | 'webhooks' | 'keys';

/** Written down here once more, on purpose: a change of the table has to be meant. */
const WEBHOOKS =
  `createEndpoint changeEndpoint deleteEndpoint activateEndpoint deactivateEndpoint setTestingMode rotateSecret getSecret
   generateSecret renderEvent tryFilter tryTransformation checkUrl getNotices changeNotices confirmNotices testNotices verifySignature testEndpoint sendExample retryDelivery releaseParkedKey replay cancelReplay shareBin forwardBinRequest createBin changeBin deleteBin`.split(
    /\s+/,
  );
const KEYS = 'createKey changeKey deleteKey rotateKey'.split(' ');
const READ =
  `getPage getContract getAccount listEndpoints getEndpoint getEndpointStats listParkedKeys listEndpointStats listEvents getEvent listScheduledEvents getScheduledEvent getFeed
   listDeliveries getDeliveryCount getDeliveryExport watchDeliveries getDelivery getAttempt getStats getPreview listReplays getReplay listKeys getKey listAudit listBins
   getBin`.split(/\s+/);

const clock = new VirtualClock();
let node: TestNode;
let account: string;
let operations: { id: string; method: string; path: string }[];

beforeAll(async () => {
  node = await startTestNode({ clock });
  account = (await node.call('POST', '/v1/accounts', { name: 'A', contract: 'standard' })).body.id;
  const { body } = await node.call('GET', '/openapi.json');
  operations = Object.entries(body.paths as Record<string, Record<string, { operationId?: string }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).flatMap(([method, { operationId: id }]) =>
        id === undefined || !path.startsWith('/v1/') ? [] : [{ id, method: method.toUpperCase(), path }],
      ),
  );
});
afterAll(async () => {
  await node.stop();
  clock.stop();
});

async function sessionOf(permissions: Permission[], more: object = {}): Promise<string> {
  const answer = await node.call('POST', `/v1/accounts/${account}/page-sessions`, { permissions, ...more });
  return answer.body.token;
}

/** Calls an operation with ids that do not exist, and nothing in the body: only whether it is let through counts. */
async function isLetThrough({ method, path }: { method: string; path: string }, token: string): Promise<boolean> {
  const address = path
    .replace('{account}', account)
    .replace('{contract}', 'standard')
    .replace('{number}', '1')
    .replaceAll(/\{\w+\}/g, 'none');
  const ended = new AbortController();
  const response = await fetch(node.url + address, {
    method,
    headers: { authorization: `Bearer ${token}` },
    signal: ended.signal,
  });
  const { status } = response;
  ended.abort();
  return status !== 403;
}

describe('attack: a session does what it may not', () => {
  test('the table names every operation that a page may call, and no other', () => {
    const known = Object.fromEntries(
      [
        [READ, 'read'],
        [WEBHOOKS, 'webhooks'],
        [KEYS, 'keys'],
      ].flatMap(([ids, permission]) => (ids as string[]).map((id) => [id, permission])),
    );
    expect(PERMISSION_OF).toEqual(known);
  });

  test.each<[Permission[], string[]]>([
    [['read'], READ],
    [
      ['read', 'webhooks'],
      [...READ, ...WEBHOOKS],
    ],
    [
      ['read', 'keys'],
      [...READ, ...KEYS],
    ],
  ])('%j', async (permissions, allowed) => {
    const token = await sessionOf(permissions);
    expect(operations.length).toBeGreaterThan(50);
    const through: string[] = [];
    for (const operation of operations) if (await isLetThrough(operation, token)) through.push(operation.id);
    expect(through.sort()).toEqual(allowed.toSorted());
  });

  test('without a key, with a wrong one or with an ended session nothing is answered', async () => {
    for (const authorization of [undefined, 'Bearer wrong', 'Basic b3A6b3A=', `Bearer pst_${'x'.repeat(43)}`]) {
      const statuses = new Set<number>();
      for (const { method, path } of operations) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await fetch(node.url + path.replace('{account}', account), { method, headers });
        statuses.add(answer.status);
        await answer.body?.cancel();
      }
      // A wrong operator key is told apart from none after a while: by 429.
      expect([...statuses].filter((status) => status !== 401 && status !== 429)).toEqual([]);
    }
  });

  test('attack: by HEAD nothing is let through that GET refuses', async () => {
    const made = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: 'http://127.0.0.1:9/',
      subscriptions: [{ trigger: 'head' }],
    });
    const head = async (permissions: Permission[], path: string) => {
      const headers = { authorization: `Bearer ${await sessionOf(permissions)}` };
      return (await fetch(`${node.url}${path}`, { method: 'HEAD', headers })).status;
    };
    const secret = `/v1/accounts/${account}/endpoints/${made.body.id}/secret`;
    expect([await head(['read'], secret), await head(['webhooks'], secret)]).toEqual([403, 200]);
    const [line] = (await node.call('GET', `/v1/accounts/${account}/audit?limit=1`)).body.data;
    expect(line).toMatchObject({ action: 'getSecret', target: made.body.id });
    // A stream has no head: it would stay open with nobody to read it.
    expect(await head(['read'], `/v1/accounts/${account}/deliveries/live`)).toBe(404);
  });

  test('attack: a contract that is not its own is not there', async () => {
    const headers = { authorization: `Bearer ${await sessionOf(['read', 'webhooks', 'keys'])}` };
    const status = async (contract: string) =>
      (await node.call('GET', `/v1/contracts/${contract}`, undefined, headers)).status;
    expect([await status('standard'), await status('loops'), await status('none')]).toEqual([200, 404, 404]);
  });

  test('credentials in custom headers are for those who may change them', async () => {
    const { body } = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
      url: 'http://127.0.0.1:9/',
      subscriptions: [{ trigger: '*' }],
      headers: { Authorization: 'Bearer top-secret', 'X-Team': 'also' },
    });
    await node.publish(account, 'order.created', 1);
    const path = `/v1/accounts/${account}/endpoints`;
    const as = async (permissions: Permission[], of: string) =>
      (await node.call('GET', of, undefined, { authorization: `Bearer ${await sessionOf(permissions)}` })).text;
    for (const of of [path, `${path}/${body.id}`]) {
      expect(await as(['read'], of)).not.toMatch(/top-secret|also/);
      expect(await as(['webhooks'], of)).toMatch(/top-secret/);
    }
    const [delivery] = (await node.call('GET', `/v1/accounts/${account}/deliveries`)).body.data;
    const detail = `/v1/accounts/${account}/deliveries/${delivery.id}`;
    await expect.poll(() => as(['webhooks'], detail)).toMatch(/top-secret/);
    for (const of of [detail, `${detail}/attempts/1`]) expect(await as(['read'], of)).not.toMatch(/top-secret|"also"/);
  });

  describe('what is secret is decided when it is stored, not by today’s endpoint', () => {
    const own = { 'X-Custom': 'value-of-custom', Authorization: 'Bearer of-authorization', 'x-api-key': 'of-api-key' };
    const SECRET = /of-custom|of-authorization|of-api-key/;

    /** A delivery with the headers above, attempted once; and what a session with these permissions sees of it. */
    async function sent(url: string) {
      const made = await node.call('POST', `/v1/accounts/${account}/endpoints`, {
        url,
        subscriptions: [{ trigger: 'secret.sent' }],
        headers: own,
      });
      const endpoint = `/v1/accounts/${account}/endpoints/${made.body.id}`;
      const { body } = await node.call('POST', `${endpoint}/test`);
      const delivery = `/v1/accounts/${account}/deliveries/${body.delivery_id}`;
      const sees = async (permissions: Permission[], path: string) => {
        const headers = { authorization: `Bearer ${await sessionOf(permissions)}` };
        const answer = await node.call('GET', path, undefined, headers);
        expect(answer.status).toBe(200);
        return answer.text;
      };
      return { endpoint, delivery, sees };
    }

    test.each([
      ['the headers were taken away', (path: string) => node.call('PATCH', path, { headers: {} })],
      ['the headers were replaced', (path: string) => node.call('PATCH', path, { headers: { 'X-Other': 'other' } })],
      ['the endpoint was deleted', (path: string) => node.call('DELETE', path)],
    ])('in the history, after %s', async (_, change) => {
      const { endpoint, delivery, sees } = await sent('http://127.0.0.1:9/');
      expect((await change(endpoint)).status).toBeLessThan(300);
      for (const path of [delivery, `${delivery}/attempts/1`]) {
        expect(await sees(['read'], path)).not.toMatch(SECRET);
        // Who may change webhooks sees what was sent.
        const all = await sees(['read', 'webhooks'], path);
        for (const value of Object.values(own)) expect(all).toContain(value);
      }
      const [, attempt] = await Promise.all([sees(['read'], delivery), sees(['read'], `${delivery}/attempts/1`)]);
      const { headers } = JSON.parse(attempt).request;
      expect(headers).toMatchObject({ 'X-Custom': '…', Authorization: '…', 'content-type': 'application/json' });
      expect(headers['webhook-signature']).toMatch(/^v1,/);
    });

    test('in a bin, after the endpoint was deleted', async () => {
      const bin = (await node.call('POST', `/v1/accounts/${account}/bins`, {})).body;
      const { endpoint, sees } = await sent(bin.url);
      await node.call('DELETE', endpoint);
      const path = `/v1/accounts/${account}/bins/${bin.id}`;
      const all = await sees(['read', 'webhooks'], path);
      for (const value of Object.values(own)) expect(all).toContain(value);
      const seen = await sees(['read'], path);
      expect(seen).not.toMatch(SECRET);
      expect(JSON.parse(seen).requests[0].headers).toMatchObject({
        'content-type': 'application/json',
        'webhook-signature': expect.stringMatching(/^v1,/),
      });
    });

    test('in a bin, whoever sent it: credentials by their usual names, in any case', async () => {
      const bin = (await node.call('POST', `/v1/accounts/${account}/bins`, {})).body;
      const names = `AUTHORIZATION Proxy-Authorization Cookie X-Auth-Token X-Amz-Security-Token x-client-secret api_key
        X-ApiKey password X-Vault-Credential`.split(/\s+/);
      await fetch(bin.url, {
        method: 'POST',
        headers: Object.fromEntries(names.map((name) => [name, `leak-${name}`])),
      });
      const headers = { authorization: `Bearer ${await sessionOf(['read'])}` };
      const answer = await node.call('GET', `/v1/accounts/${account}/bins/${bin.id}`, undefined, headers);
      expect(answer.body.requests).toHaveLength(1);
      expect(answer.text).not.toContain('leak-');
    });

    test('in what was stored before it was decided then: all that is not the contract’s own is hidden', async () => {
      const bin = (await node.call('POST', `/v1/accounts/${account}/bins`, {})).body;
      const { delivery, sees } = await sent(bin.url);
      const before = JSON.stringify([
        ['content-type', 'application/json'],
        ['webhook-id', 'evt_1'],
        ...Object.entries(own),
      ]);
      await query(node.databaseUrl, 'UPDATE attempts SET request_headers = $1, headers_id = NULL', [before]);
      await query(node.databaseUrl, 'UPDATE bin_requests SET headers = $1, key_id = NULL, sealed = NULL', [before]);
      for (const path of [delivery, `/v1/accounts/${account}/bins/${bin.id}`]) {
        const seen = await sees(['read'], path);
        expect(seen).not.toMatch(SECRET);
        expect(seen).toContain('evt_1');
        expect(await sees(['webhooks'], path)).toMatch(SECRET);
      }
    });

    test('in what a receiver answered', async () => {
      const receiver = await Receiver.start();
      receiver.respond = (_, response) => void response.writeHead(200, { 'set-cookie': 'sid=of-custom' }).end();
      const { delivery, sees } = await sent(receiver.url());
      await receiver.stop();
      expect(await sees(['read'], delivery)).not.toMatch(SECRET);
      expect(await sees(['webhooks'], delivery)).toContain('sid=of-custom');
    });
  });

  test('what the operator keeps with an account is not shown to it', async () => {
    await node.call('PATCH', `/v1/accounts/${account}`, { metadata: { note: 'late payer' } });
    const headers = { authorization: `Bearer ${await sessionOf(['read'])}` };
    for (const path of ['', '/audit']) {
      const answer = await node.call('GET', `/v1/accounts/${account}${path}`, undefined, headers);
      expect(answer.status).toBe(200);
      expect(answer.text).not.toContain('late payer');
    }
    expect((await node.call('GET', `/v1/accounts/${account}`)).body.metadata).toEqual({ note: 'late payer' });
  });

  test('a session can be ended: all of an account, or those of one person', async () => {
    const [jane, john] = [
      await sessionOf(['read'], { user_name: 'jane' }),
      await sessionOf(['read'], { user_name: 'john' }),
    ];
    const status = async (token: string) =>
      (await node.call('GET', '/v1/page', undefined, { authorization: `Bearer ${token}` })).status;
    expect([await status(jane), await status(john)]).toEqual([200, 200]);
    await node.call('DELETE', `/v1/accounts/${account}/page-sessions?user_name=jane`);
    expect([await status(jane), await status(john)]).toEqual([401, 200]);
    await node.call('DELETE', `/v1/accounts/${account}/page-sessions`);
    expect(await status(john)).toBe(401);
  });

  test('another operator key ends the console’s sessions that came by the one before', async () => {
    const { databaseUrl } = node;
    const signedIn = await node.call('POST', '/sign-in', { key: OPERATOR_KEY });
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
    const status = async (of: TestNode) => (await fetch(`${of.url}/v1/page`, { headers: { cookie } })).status;
    const same = await startTestNode({ databaseUrl });
    expect(await status(same)).toBe(200);
    await same.stop();
    const environment = { POSTHORN_OPERATOR_KEY: 'another-operator-key-0123456789' };
    const changed = await startTestNode({ databaseUrl, environment });
    expect(await status(changed)).toBe(401);
    await changed.stop();
  });

  test('a page’s token is no cookie of the console', async () => {
    const token = await sessionOf(['read']);
    const answer = await fetch(`${node.url}/v1/page`, { headers: { cookie: `posthorn_session=${token}` } });
    expect(answer.status).toBe(401);
  });
});
