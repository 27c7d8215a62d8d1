import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { realClock } from '../../../../test/support/node.ts';
import { TransformFailed } from '../domain/transformation.ts';
import { type Reshaped, Transformer } from './transformer.ts';

const transformer = new Transformer(realClock);
afterAll(() => transformer.stop());

const CONTRACT: Reshaped['contract'] = {
  defaultHeaders: [['content-type', 'application/json']],
  headerNames: new Set(['webhook-id']),
  limits: { payloadBytes: 100_000 } as Reshaped['contract']['limits'],
};
const EVENT = {
  id: 'evt_1',
  externalId: null,
  trigger: 'order.paid',
  byTopic: false,
  payload: Buffer.from('{}'),
  createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
};
const FACTS = { event: EVENT, topic: null, account: { id: 'acme', name: 'Acme', metadata: {} } };
const BODY = Buffer.from('{"id":7,"items":[{"sku":"a"}]}');

const run = (code: string, accountId = 'acme') =>
  transformer.transform({ accountId, contract: CONTRACT, headerNames: ['X-Own'], hasAuth: false, code }, FACTS, BODY);
const bodyOf = async (expression: string) =>
  JSON.parse((await run(`const transform = (request, event) => ({ body: [${expression}] })`)).body.toString())[0];

describe('what it can do', () => {
  test('method, headers and body are reshaped, the content type too', async () => {
    const code = `function transform(request, event) {
      return { method: 'PUT', headers: { 'X-Trigger': event.trigger, 'content-type': 'text/plain' }, body: 'Order ' + request.body.id };
    }`;
    expect(await run(code)).toEqual({
      method: 'PUT',
      contentType: 'text/plain',
      headers: [['x-trigger', 'order.paid']],
      body: Buffer.from('Order 7'),
    });
  });

  test('a body that is no text is written as JSON; none is an empty one', async () => {
    expect((await run('function transform(r) { r.body = { n: r.body.items.length }; return r }')).body.toString()).toBe(
      '{"n":1}',
    );
    expect((await run('function transform(r) { delete r.body; return r }')).body.length).toBe(0);
    expect((await run('function transform(r) { r.body = null; return r }')).body.toString()).toBe('null');
  });

  test('the clock stands at the event, random numbers come from it: the same on every run', async () => {
    expect(await bodyOf('Date.now()')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(await bodyOf('new Date().toISOString()')).toBe('2026-01-02T03:04:05.000Z');
    expect(await bodyOf('new (new Date(0).constructor)().getTime()')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(await bodyOf('new Date(0).getTime()')).toBe(0);
    expect(
      await bodyOf(
        '[new Date(0) instanceof Date, new Date(2026, 0, 2).getTimezoneOffset(), new Date(2026, 6, 2).toISOString()]',
      ),
    ).toEqual([true, 0, '2026-07-02T00:00:00.000Z']);
    expect(await bodyOf('Date().length > 10')).toBe(true);
    const numbers = await bodyOf('[Math.random(), Math.random()]');
    expect(await bodyOf('[Math.random(), Math.random()]')).toEqual(numbers);
    expect(numbers[0]).not.toBe(numbers[1]);
  });

  test('nothing of one run stays for the next', async () => {
    const code =
      'globalThis.n = (globalThis.n ?? 0) + 1; JSON.x = (JSON.x ?? 0) + 1; function transform() { return { body: [n, JSON.x] } }';
    for (let i = 0; i < 3; i++) expect((await run(code)).body.toString()).toBe('[1,1]');
  });
});

describe('what it cannot do', () => {
  const failing: [name: string, code: string, expected: string | RegExp][] = [
    ['no function', 'const x = 1', 'there is no function named transform'],
    ['broken syntax', 'function transform( {', /^SyntaxError: .*\(line 1\)$/],
    ['an error of its own', 'function transform(r) {\n  return r.body.customer.name\n}', /^TypeError: .*\(line 2\)$/],
    ['a thrown text', 'function transform() { throw "no" }', 'threw "no"'],
    ['nothing returned', 'function transform(r) { r.body = 1 }', /transform returned no request/],
    ['a promise', 'async function transform(r) { return r }', /may not be async/],
    ['an endless loop', 'function transform() { for (;;); }', 'takes more than 100 ms'],
    ['an endless loop while it is read', 'for (;;);', 'takes more than 100 ms'],
    [
      'a regular expression without end',
      `function transform() { /(a+)+$/.test('${'a'.repeat(40)}b') }`,
      'takes more than 100 ms',
    ],
    [
      'an endless loop inside of the engine',
      'function transform() { [].indexOf.call({ length: 2 ** 53 - 1 }, 1) }',
      'takes more than 100 ms',
    ],
    [
      'much memory',
      'function transform() { return { body: new Uint8Array(2 ** 26).length } }',
      'needs more than 32 MiB of memory',
    ],
    [
      'ever more memory',
      'function transform() { const a = []; for (;;) a.push(new Array(1e5).fill(1)) }',
      /takes more than 100 ms|needs more than 32 MiB/,
    ],
    [
      'a text without end',
      'function transform() { return { body: "x".repeat(2 ** 29) } }',
      /needs more than 32 MiB|invalid string length/,
    ],
    [
      'recursion without end',
      'function transform(r) { return transform(r) + 1 }',
      /InternalError: stack overflow|RangeError/,
    ],
    [
      'a JSON of its own',
      'Object.prototype.toJSON = () => undefined; function transform(r) { return r }',
      /makes no request/,
    ],
    ['no JSON at all', 'Object.prototype.toJSON = () => null; function transform(r) { return r }', /makes no request/],
    [
      'a body that is a function',
      'function transform() { return { body: () => 1 } }',
      /request.body cannot be written/,
    ],
    ['a thrown number of any size', 'throw 1n', 'threw something that cannot be shown'],
    [
      'a thrown thing without a text',
      'throw { name: { toString: 1 }, message: { toString: 1 } }',
      /threw|Error|object/,
    ],
    ['an error with U+0000', 'function transform() { throw new Error("a\\0b") }', /^Error: a\ufffdb \(line 1\)$/],
    [
      'a large thing for a method',
      'function transform() { return { method: Array(300).fill(Array(2000).fill([])) } }',
      /request.method is no method/,
    ],
    [
      'many headers',
      'function transform(r) { for (let i = 0; i < 30; i++) r.headers["x" + i] = ""; return r }',
      /more than 20 names/,
    ],
    ['a header that is no text', 'function transform(r) { r.headers.x = 5; return r }', /request.headers.x is no text/],
    ['a method that is none', 'function transform() { return { method: "TRACE" } }', /request.method is "TRACE"/],
    [
      'a header of the contract',
      'function transform(r) { r.headers["Webhook-Id"] = "x"; return r }',
      /webhook-id, which the contract or the endpoint sets already/,
    ],
    [
      'a header that ends the request',
      'function transform(r) { r.headers.host = "x"; return r }',
      /host, which the contract/,
    ],
    [
      'a header that splits the request',
      'function transform(r) { r.headers.x = "1\\r\\ny: 2"; return r }',
      /request.headers.x is no text/,
    ],
    [
      'a header with a broken name',
      'function transform(r) { r.headers["a b"] = "1"; return r }',
      /no name of a header/,
    ],
    ['a body that is too large', 'function transform(r) { r.body = "x".repeat(100001); return r }', /at most 100000/],
  ];
  for (const [name, code, expected] of failing) {
    test(`${name}: it fails, and the next run does not`, async () => {
      const error = await run(code, `broken ${name}`).then(
        () => expect.fail('it did not fail'),
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TransformFailed);
      if (typeof expected === 'string') expect((error as Error).message).toBe(expected);
      else expect((error as Error).message).toMatch(expected);
      expect((await run('function transform(r) { return r }')).method).toBe('POST');
    });
  }

  test('it imports nothing', async () => {
    await run('import("node:fs"); function transform(r) { return r }', 'importing').catch(() => {});
    await run('function transform(r) { import("node:fs"); return r }', 'importing').catch(() => {});
    await expect(run('import fs from "node:fs"; function transform(r) { return r }', 'importing')).rejects.toThrow(
      'SyntaxError',
    );
    expect((await run('function transform(r) { return r }')).method).toBe('POST');
  });

  test('it sees nothing of the server: no process, no network, no file, no timer', async () => {
    const names = 'process,require,fetch,setTimeout,WebAssembly,Worker,console,std,os,navigator'.split(',');
    expect(await bodyOf(names.map((name) => `typeof ${name}`).join())).toBe('undefined');
    expect(
      await bodyOf(`[${names.map((name) => `typeof globalThis.${name}`).join()}].every((one) => one === 'undefined')`),
    ).toBe(true);
    expect(await bodyOf(`typeof [].constructor.constructor('return this')().process`)).toBe('undefined');
  });
});

test('an account whose function is slow holds up no other', async () => {
  const hang = 'function transform() { for (;;); }';
  // The first tells what kind of account it is.
  await run(hang, 'slow').catch(() => {});
  const hanging = Array.from({ length: 20 }, () => run(hang, 'slow').catch(() => 'failed'));
  const others = Promise.all(Array.from({ length: 50 }, () => run('function transform(r) { return r }', 'others')));
  expect(await Promise.race([others.then(() => 'others'), ...hanging])).toBe('others');
  await Promise.all(hanging);
});

test('a server that stops ends what runs, and blames no function', async () => {
  const own = new Transformer(realClock);
  const reshaped = { accountId: 'acme', contract: CONTRACT, headerNames: [], hasAuth: false };
  await own.transform({ ...reshaped, code: 'function transform(r) { return r }' }, FACTS, BODY);
  const running = own.transform({ ...reshaped, code: 'function transform(r) { for (;;); }' }, FACTS, BODY);
  const ended = expect(running).rejects.toMatchObject({ isOurs: true });
  await sleep(20);
  await own.stop();
  await ended;
  await expect(own.check('acme', 'function transform(r) { return r }')).rejects.toMatchObject({ isOurs: true });
});
