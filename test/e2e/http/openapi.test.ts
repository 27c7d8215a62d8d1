/** The OpenAPI document and the error catalogue tell the truth. */
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../support/node.ts';
import { Receiver } from '../../support/receiver.ts';

const SDK = new URL('../../../packages/sdk/', import.meta.url);

let node: TestNode;
let receiver: Receiver;
let account: string;
let endpoint: string;

beforeAll(async () => {
  node = await startTestNode();
  receiver = await Receiver.start();
  ({ account, endpoint } = await node.createEndpoint(receiver.url()));
  await node.publish(account, 'order.created', { a: 1 });
  await receiver.received(1);
});
afterAll(async () => {
  await node.stop();
  await receiver.stop();
});

describe('the OpenAPI document', () => {
  test('is what the types of the SDK and of the page are made from', async () => {
    // Made by the compiler of its own folder: `npm test -- -u test/e2e/http/openapi.test.ts` writes the file anew.
    const { body: document } = await node.call('GET', '/openapi.json');
    const generator = createRequire(SDK).resolve('openapi-typescript');
    const { default: generate, astToString } = await import(pathToFileURL(generator).href);
    const types = `// Generated from the OpenAPI document.\n${astToString(await generate(document))}`;
    await expect(types).toMatchFileSnapshot(fileURLToPath(new URL('src/openapi.ts', SDK)));
  });

  test('is 3.1, names every route, and each answer has its schema', async () => {
    const { body: document } = await node.call('GET', '/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries<
      Record<string, { operationId: string; summary: string; responses: object }>
    >(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy();
        ids.add(operation.operationId);
      }
    }
    expect([...ids].sort()).toEqual(
      [
        'health',
        'readiness',
        'metrics',
        'getFeed',
        'renderEvent',
        'tryFilter',
        'tryTransformation',
        'listScheduledEvents',
        'listSources',
        'listCells',
        'moveAccount',
        'getAccountMove',
        'listDeadLetters',
        'getDeadLetter',
        'deleteDeadLetter',
        'redriveDeadLetters',
        'listEventTypes',
        'getEventType',
        'putEventTypes',
        'importEventTypes',
        'deleteEventType',
        'createOperatorKey',
        'listOperatorKeys',
        'getOperatorKey',
        'rotateOperatorKey',
        'deleteOperatorKey',
        'getScheduledEvent',
        'cancelScheduledEvent',
        'listContracts',
        'getContract',
        'createAccount',
        'listAccounts',
        'getAccount',
        'changeAccount',
        'deleteAccount',
        'generateSecret',
        'createEndpoint',
        'listEndpoints',
        'getEndpoint',
        'changeEndpoint',
        'deleteEndpoint',
        'activateEndpoint',
        'deactivateEndpoint',
        'rotateSecret',
        'setTestingMode',
        'getSecret',
        'verifySignature',
        'sendExample',
        'watchDeliveries',
        'replay',
        'listReplays',
        'getReplay',
        'cancelReplay',
        'createBin',
        'shareBin',
        'forwardBinRequest',
        'listBins',
        'getBin',
        'changeBin',
        'deleteBin',
        'createPageSession',
        'endPageSessions',
        'getPage',
        'listAudit',
        'listAllAudit',
        'getStats',
        'listEndpointStats',
        'getOverview',
        'listAccountStats',
        'diffContracts',
        'createKey',
        'listKeys',
        'getKey',
        'changeKey',
        'deleteKey',
        'rotateKey',
        'verifyKey',
        'testEndpoint',
        'getEndpointStats',
        'listParkedKeys',
        'releaseParkedKey',
        'getPreview',
        'checkUrl',
        'getNotices',
        'changeNotices',
        'confirmNotices',
        'testNotices',
        'publishEvent',
        'publishEvents',
        'listEvents',
        'getEvent',
        'listDeliveries',
        'getDeliveryCount',
        'getDeliveryExport',
        'getAttempt',
        'getDelivery',
        'retryDelivery',
        'getDatabase',
      ].sort(),
    );
  });

  test('tells the truth: real answers fit its schemas', async () => {
    const { body: document } = await node.call('GET', '/openapi.json');
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'openapi');
    const { body: list } = await node.call('GET', `/v1/accounts/${account}/deliveries`);
    const real: [method: string, template: string, path: string, body?: unknown][] = [
      ['get', '/v1/contracts/{contract}', '/v1/contracts/standard'],
      ['get', '/v1/contracts/{contract}', '/v1/contracts/loop-returns'],
      ['get', '/v1/contracts/{contract}', '/v1/contracts/loop-subscriptions'],
      ['get', '/v1/contracts/{contract}', '/v1/contracts/loops'],
      ['post', '/v1/accounts/{account}/keys', `/v1/accounts/${account}/keys`, { label: 'A', scopes: ['read'] }],
      ['get', '/v1/accounts/{account}/keys', `/v1/accounts/${account}/keys`],
      ['post', '/v1/keys/verify', '/v1/keys/verify', { key: 'phk_x' }],
      ['get', '/v1/accounts', '/v1/accounts'],
      ['get', '/v1/accounts/{account}', `/v1/accounts/${account}`],
      ['get', '/v1/accounts/{account}/endpoints', `/v1/accounts/${account}/endpoints`],
      ['get', '/v1/accounts/{account}/endpoints/{endpoint}', `/v1/accounts/${account}/endpoints/${endpoint}`],
      [
        'post',
        '/v1/accounts/{account}/endpoints/{endpoint}/test',
        `/v1/accounts/${account}/endpoints/${endpoint}/test`,
      ],
      [
        'post',
        '/v1/accounts/{account}/endpoints/{endpoint}/rotate-secret',
        `/v1/accounts/${account}/endpoints/${endpoint}/rotate-secret`,
      ],
      [
        'get',
        '/v1/accounts/{account}/endpoints/{endpoint}/stats',
        `/v1/accounts/${account}/endpoints/${endpoint}/stats`,
      ],
      ['post', '/v1/accounts/{account}/events', `/v1/accounts/${account}/events`, { trigger: 'a', payload: 1 }],
      [
        'post',
        '/v1/accounts/{account}/events/batch',
        `/v1/accounts/${account}/events/batch`,
        { events: [{ trigger: 'a', payload: 1 }] },
      ],
      ['get', '/v1/accounts/{account}/events', `/v1/accounts/${account}/events`],
      ['get', '/v1/accounts/{account}/deliveries', `/v1/accounts/${account}/deliveries`],
      ['get', '/v1/accounts/{account}/deliveries/{delivery}', `/v1/accounts/${account}/deliveries/${list.data[0].id}`],
      ['get', '/v1/database', '/v1/database'],
      ['get', '/v1/contracts/{contract}', '/v1/contracts/none'],
      ['post', '/v1/accounts', '/v1/accounts', { name: 5 }],
    ];
    for (const [method, template, path, body] of real) {
      const answer = await node.call(method.toUpperCase(), path, body);
      const described = document.paths[template][method].responses[String(answer.status)];
      expect(described, `${method} ${template} ${answer.status}`).toBeDefined();
      const pointer = `openapi#/paths/${template.replaceAll('/', '~1')}/${method}/responses/${answer.status}/content/application~1${answer.status < 400 ? 'json' : 'problem+json'}/schema`;
      const check = ajv.getSchema(encodeURI(pointer).replaceAll('%23', '#'));
      expect(check, pointer).toBeDefined();
      expect(check?.(answer.body), `${template}: ${JSON.stringify(check?.errors)}`).toBe(true);
    }
  });
});
