import { Agent, request } from 'node:http';
import type { FuzzRequest } from './operations.ts';

export interface FuzzAnswer {
  status: number;
  type: string;
  text: string;
}

/** Sends one request after the other over kept connections. Undefined when the server cut off a body that is too long. */
export class FuzzClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly url: string) {}

  send({ method, path, headers, body }: FuzzRequest): Promise<FuzzAnswer | undefined> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.url}/`, {
        method,
        path,
        agent: this.agent,
        headers: body.length > 0 ? { ...headers, 'content-length': body.length } : headers,
      });
      sent.on('response', (response) => {
        const type = response.headers['content-type'] ?? '';
        const chunks: Buffer[] = [];
        const finish = () =>
          resolve({ status: response.statusCode ?? 0, type, text: Buffer.concat(chunks).toString('utf8') });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', finish);
        response.on('error', finish);
        // It would go on for as long as the session does.
        if (type.startsWith('text/event-stream')) {
          finish();
          sent.destroy();
        }
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const isCutOff = body.length > 64 * 1024 && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '');
        if (isCutOff) resolve(undefined);
        else reject(error);
      });
      sent.end(body);
    });
  }

  stop(): void {
    this.agent.destroy();
  }
}
