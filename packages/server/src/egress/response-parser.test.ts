import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RESPONSE_BODY_KEPT_BYTES } from './kept-body.ts';
import { ResponseParser } from './response-parser.ts';

/** Everything that can be seen of a parser after it has read these pieces. */
function parse(pieces: readonly Buffer[], ended = false) {
  const parser = new ResponseParser();
  for (const piece of pieces) parser.push(piece);
  if (ended) parser.end();
  const { state, failure, keepAliveMs, status, hasResponse } = parser;
  return { state, failure, keepAliveMs, status, hasResponse, response: parser.response() };
}

const parseText = (text: string, ended = false) => parse([Buffer.from(text, 'latin1')], ended);

/** Cuts bytes at these places. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

const token = fc.stringMatching(/^[a-zA-Z0-9-]{1,12}$/);
const value = fc.stringMatching(/^[!-~\u0080-\u00ff]([\t -~\u0080-\u00ff]{0,20}[!-~\u0080-\u00ff])?$/);
const FRAMING = /^(content-length|transfer-encoding|connection|keep-alive)$/i;
const headers = fc.array(
  fc.tuple(
    token.filter((name) => !FRAMING.test(name)),
    value,
  ),
  { maxLength: 6 },
);
const lineEnd = fc.constantFrom('\r\n', '\n');
const status = fc.integer({ min: 200, max: 599 }).filter((code) => code !== 204 && code !== 304);
const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 });
const places = fc.array(fc.nat(5_000), { maxLength: 30 });

const wellFormed = fc
  .record({
    status,
    headers,
    lineEnd,
    pieces,
    framing: fc.constantFrom('length', 'chunked', 'until-close'),
    interim: fc.nat(2),
  })
  .map(({ status, headers, lineEnd, pieces, framing, interim }) => {
    const body = Buffer.concat(pieces);
    const own = {
      length: [`content-length: ${body.length}`],
      chunked: ['transfer-encoding: chunked'],
      'until-close': [],
    };
    const lines = [
      ...Array<string[]>(interim).fill(['HTTP/1.1 103 Early Hints', 'link: </a>', '']).flat(),
      `HTTP/1.1 ${status} Reason`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(own[framing as keyof typeof own] ?? []),
      '',
      '',
    ];
    const chunks = pieces.flatMap((piece) => [
      Buffer.from(`${piece.length.toString(16)}${lineEnd}`),
      piece,
      Buffer.from(lineEnd),
    ]);
    const end = [...chunks, Buffer.from(`0${lineEnd}x-sum: 1${lineEnd}${lineEnd}`)];
    const head = Buffer.from(lines.join(lineEnd), 'latin1');
    const bytes = Buffer.concat([head, ...(framing === 'chunked' ? end : [body])]);
    return { bytes, status, headers, framing, body };
  });

describe('properties', () => {
  test('what was written is read, however it is split', () => {
    fc.assert(
      fc.property(wellFormed, places, ({ bytes, status, headers, framing, body }, places) => {
        const read = parse(split(bytes, places), framing === 'until-close');
        expect(read).toMatchObject({ state: 'complete', failure: '', status });
        expect(read.response?.body.equals(body)).toBe(true);
        const names = new Set(headers.map(([name]) => name.toLowerCase()));
        expect(read.response?.headers.filter(([name]) => names.has(name))).toEqual(
          headers.map(([name, value]) => [name.toLowerCase(), value]),
        );
        expect(read.keepAliveMs > 0).toBe(framing !== 'until-close');
      }),
      { numRuns: 500 },
    );
  });

  /** Answers with their bytes changed, cut out, repeated: near enough to HTTP to reach every state. */
  const damaged = fc
    .tuple(
      wellFormed,
      fc.array(fc.tuple(fc.nat(2_000), fc.constantFrom(...'\r\n \t:;,0159aCG\0\x15\xff')), { maxLength: 4 }),
      fc.nat(2_000),
    )
    .map(([{ bytes }, changes, at]) => {
      const copy = Buffer.from(bytes);
      for (const [place, char] of changes) copy.write(char, place % copy.length, 'latin1');
      const cut = at % copy.length;
      return Buffer.concat([copy.subarray(0, cut), copy.subarray(Math.min(copy.length, cut + (at % 3)))]);
    });

  test('whatever comes, it never throws, and any split gives the same result', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          damaged,
          fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
        ),
        places,
        fc.boolean(),
        (bytes, places, ended) => {
          const whole = parse([bytes], ended);
          expect(parse(split(bytes, places), ended)).toEqual(whole);
          expect(
            parse(
              Array.from(bytes, (byte) => Buffer.of(byte)),
              ended,
            ),
          ).toEqual(whole);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('what follows an answer changes nothing but that the connection ends', () => {
    fc.assert(
      fc.property(
        wellFormed.filter(({ framing }) => framing !== 'until-close'),
        fc.uint8Array({ minLength: 1, maxLength: 30 }),
        ({ bytes }, surplus) => {
          const read = parse([Buffer.concat([bytes, surplus])]);
          expect(read).toEqual({ ...parse([bytes]), keepAliveMs: 0 });
          expect(parse([bytes, Buffer.from(surplus)])).toEqual(read);
        },
      ),
    );
  });
});

describe('limits hold at their edges, in one piece and byte by byte', () => {
  const both = (text: string) => {
    const bytes = Buffer.from(text, 'latin1');
    const whole = parse([bytes]);
    expect(parse(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(whole);
    return whole;
  };
  const headOf = (bytes: number) => {
    const start = 'HTTP/1.1 204 N\r\nx: ';
    return `${start}${'a'.repeat(bytes - start.length - 4)}\r\n\r\n`;
  };
  test('a head', () => {
    expect(both(headOf(16_384)).state).toBe('complete');
    expect(both(headOf(16_385)).state).toBe('failed');
    expect(both(`HTTP/1.1 200 OK\r\n${'a:\r\n'.repeat(5_000)}`).state).toBe('failed');
    expect(both('\r\n'.repeat(9_000)).state).toBe('failed');
    expect(both(`HTTP/1.1 200 OK\r\nx: a\r\n${' \r\n'.repeat(6_000)}`).state).toBe('failed');
  });
  test('each answer before the final one has a head of its own', () => {
    const early = `HTTP/1.1 103 Hints\r\nx: ${'a'.repeat(10_000)}\r\n\r\n`;
    expect(both(`${early}${early}${headOf(16_384)}`).state).toBe('complete');
  });
  test('the length of a chunk, and trailers', () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(both(`${head}1;${'a'.repeat(16_384 - 4)}\r\n`).state).toBe('chunk-data');
    expect(both(`${head}1;${'a'.repeat(16_384 - 3)}\r\n`).state).toBe('failed');
    expect(both(`${head}${'0'.repeat(12)}1\r\nx`).state).toBe('chunk-end');
    expect(both(`${head}${'0'.repeat(13)}1\r\nx`).state).toBe('failed');
    expect(both(`${head}0\r\n${'a: b\r\n'.repeat(3_000)}`).state).toBe('failed');
  });
  test('a body: what is kept, and what is read', () => {
    const head = (length: number) => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`);
    const read = (length: number) => parse([head(length), Buffer.alloc(length, 'x')]);
    const kept = RESPONSE_BODY_KEPT_BYTES;
    expect(read(kept)).toMatchObject({ state: 'complete', response: { truncated: false } });
    expect(read(kept + 1)).toMatchObject({ state: 'complete', response: { truncated: true }, keepAliveMs: 30_000 });
    expect(read(kept + 1).response?.body).toHaveLength(kept);
    expect(read(1_048_576)).toMatchObject({ state: 'complete', keepAliveMs: 30_000 });
    expect(read(1_048_577)).toMatchObject({ state: 'complete', keepAliveMs: 0 });
  });
  test('attack: chunks of one byte with long extensions are read up to the same limit', () => {
    const parser = new ResponseParser();
    parser.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'));
    const chunk = Buffer.from(`1;${'a'.repeat(16_000)}\r\nx\r\n`);
    let count = 0;
    while (parser.state !== 'complete' && count < 1_000) {
      parser.push(chunk);
      count++;
    }
    expect(count).toBe(66);
    expect(parser).toMatchObject({ state: 'complete', keepAliveMs: 0 });
  });
});

describe('details', () => {
  test('names in lower case, repeated headers in order, values as Latin-1 without the space around', () => {
    expect(
      parseText('HTTP/1.1 204 N\r\nSet-Cookie: \t a=1 \r\nX-\u0041:\r\nset-cookie:caf\u00e9\r\n__proto__: x\r\n\r\n')
        .response?.headers,
    ).toEqual([
      ['set-cookie', 'a=1'],
      ['x-a', ''],
      ['set-cookie', 'caf\u00e9'],
      ['__proto__', 'x'],
    ]);
  });
  test('a folded header is one value', () => {
    expect(parseText('HTTP/1.1 204 N\r\nx: a\r\n  b\r\n\t\r\n c\r\n\r\n').response?.headers).toEqual([['x', 'a b c']]);
  });
  test.each([
    ['Keep-Alive: timeout=5', 4_000],
    ['Keep-Alive: max=100, TIMEOUT=11', 10_000],
    ['Keep-Alive: timeout=600', 30_000],
    ['Keep-Alive: timeout=99999999999999999999', 30_000],
    ['Keep-Alive: timeout=1', 0],
    ['Keep-Alive: timeout=0', 0],
    ['Keep-Alive: nonsense', 30_000],
    ['Connection: Upgrade, CLOSE', 0],
    ['Connection: keep-alive\r\nConnection: close', 0],
    ['Connection: closed', 30_000],
    ['Transfer-Encoding: chunked', 0],
    ['Content-Length: 0', 30_000],
  ])('a 204 with %j keeps the connection for %i ms', (header, expected) => {
    expect(parseText(`HTTP/1.1 204 N\r\n${header}\r\n\r\n`).keepAliveMs).toBe(expected);
  });
  test.each([
    ['Transfer-Encoding: gzip, chunked', 'chunk-size'],
    ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', 'chunk-size'],
    ['Transfer-Encoding: chunked, gzip', 'until-close'],
    ['Transfer-Encoding: xchunked', 'until-close'],
    ['Transfer-Encoding: ', 'until-close'],
    ['Content-Length: 5', 'length'],
    ['Content-Length: 5, 5,5', 'length'],
    ['Content-Length: 99999999999999999999999', 'length'],
    ['Content-Length: ', 'failed'],
    ['Content-Length: 5,', 'failed'],
    ['Content-Length: 5 5', 'failed'],
    ['Content-Length: 5.0', 'failed'],
    ['Content-Length: +5', 'failed'],
    ['X: y', 'until-close'],
  ])('%j leads to %s', (header, state) => {
    expect(parseText(`HTTP/1.1 200 OK\r\n${header}\r\n\r\n`).state).toBe(state);
  });
  test.each([
    ['HTTP/1.1 200 OK\r\n\r\nhalf', 'complete'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf', 'length'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf', 'chunk-data'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n', 'chunk-size'],
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n', 'complete'],
    ['HTTP/1.1 200 OK\r\nx', 'headers'],
    ['', 'status-line'],
    ['ping', 'failed'],
  ])('%j and the end of the connection: %s', (text, state) => {
    expect(parseText(text, true)).toMatchObject({ state, keepAliveMs: 0 });
  });
  test.each([
    ['SSH-2.0-OpenSSH_9.9\r\n', 'The answer is not HTTP/1.1: it begins with "SSH-2.0"'],
    [
      '\0\x01\x02\x03\x04\x05\x06\x07',
      'The answer is not HTTP/1.1: it begins with "\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006"',
    ],
    ['\x15\x03\x03\0\x02\x02\x0a', 'The server answers TLS where plain HTTP is expected'],
    ['HTTP/1.1 999 X\r\n', 'The answer has the status 999, which HTTP does not have'],
  ])('%j: %s', (text, sentence) => expect(parseText(text).failure).toBe(sentence));
});
