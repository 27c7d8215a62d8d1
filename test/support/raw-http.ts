import { connect } from 'node:net';

export interface RawAnswer {
  /** Undefined when the connection ended without an answer. */
  status: number | undefined;
  headers: Map<string, string>;
  body: string;
}

/**
 * Sends bytes over a socket of their own, whatever they are, and answers what came until the end of the answer.
 * @param ends whether nothing more is sent: for what may be the beginning of a request only
 */
export function sendRaw(url: string, bytes: string | Buffer, ends = false): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let received = Buffer.alloc(0);
    const finish = () => {
      socket.destroy();
      resolve(parse(received));
    };
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (isComplete(received)) finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
    if (ends) socket.end(bytes);
    else socket.write(bytes);
  });
}

function isComplete(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const head = bytes.toString('latin1', 0, end).toLowerCase();
  if (head.startsWith('http/1.1 100')) return false;
  // A stream goes on: its head is enough.
  if (head.includes('text/event-stream')) return true;
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  if (length !== undefined) return bytes.length >= end + 4 + Number(length);
  return head.includes('transfer-encoding: chunked') && bytes.toString('latin1').endsWith('0\r\n\r\n');
}

function parse(bytes: Buffer): RawAnswer {
  const text = bytes.toString('utf8').replace(/^HTTP\/1\.1 100[\s\S]*?\r\n\r\n/, '');
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1];
  const headers = new Map(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  );
  return {
    status: status === undefined ? undefined : Number(status),
    headers,
    body: end < 0 ? '' : bodyIn(text.slice(end + 4), headers),
  };
}

/** What came after the first answer, to whatever else the bytes were taken for, is not of it. */
function bodyIn(text: string, headers: ReadonlyMap<string, string>): string {
  const length = headers.get('content-length');
  return length === undefined ? text : Buffer.from(text).toString('utf8', 0, Number(length));
}
