/**
 * The barest relay that these libraries allow: one Fastify route, no checks, no fan-out, no history; sign and forward.
 * What Posthorn's own code costs, database or not, is the distance to this.
 */
import { randomFillSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseRawBody, payloadOf } from '@posthorn/server/dist/accept/read-events.js';
import { loadContracts } from '@posthorn/server/dist/contract/load.js';
import { encodeId, IdSource } from '@posthorn/server/dist/domain/ids.js';
import { generateSecret, parseSecret } from '@posthorn/server/dist/domain/signature.js';
import { parseNetwork } from '@posthorn/server/dist/egress/address.js';
import { Egress } from '@posthorn/server/dist/egress/egress.js';
import { EgressGuard } from '@posthorn/server/dist/egress/guard.js';
import Fastify from 'fastify';

const [receiverUrl = '', key = ''] = process.argv.slice(2);
/** The same number of requests at a time as the durable run has: 8 endpoints of 10. */
const CONCURRENCY = 80;

const contract = loadContracts(fileURLToPath(new URL('../../contracts/', import.meta.url))).get('standard');
if (!contract) throw new Error('no standard contract');
const { policy, encodeBody, writeHeaders } = contract;
const url = new URL(receiverUrl);
const keys = [parseSecret(generateSecret('v1'))];
const ids = new IdSource(Date.now, randomFillSync);
const egress = new Egress(new EgressGuard([parseNetwork('127.0.0.0/8')]), async (host) => [host]);

let waiting: { trigger: string; payload: Buffer; id: string; uuid: Uint8Array }[] = [];
let head = 0;
let inFlight = 0;

function pump(): void {
  while (inFlight < CONCURRENCY) {
    const next = waiting[head++];
    if (!next) {
      waiting = [];
      head = 0;
      return;
    }
    inFlight++;
    const nowMs = Date.now();
    const event = { ...next, externalId: null, accountId: 'acme', byTopic: false, test: false, createdAtMs: nowMs };
    const facts = { event, topic: null, account: { id: 'acme', name: 'acme', metadata: {} } };
    const body = encodeBody(facts);
    const attempt = { ...facts, deliveryId: () => '', retryCount: 0, version: null };
    const headers = [
      ['content-type', 'application/json'] as [string, string],
      ...writeHeaders({ ...attempt, body, keys, nowMs }),
    ];
    void egress.send('acme', { url, headers, body, timeouts: policy.timeouts }).then(() => {
      inFlight--;
      pump();
    });
  }
}

const app = Fastify({ keepAliveTimeout: 72_000 });
app.removeContentTypeParser('application/json');
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: unknown, bytes: Buffer) =>
  parseRawBody(bytes),
);
app.post('/v1/accounts/:account/events', async (request, reply) => {
  if (request.headers.authorization !== `Bearer ${key}`) return reply.code(401).send();
  const raw = request.body as { text: string; value: { trigger: string } };
  const uuid = ids.nextUuid();
  const id = encodeId('evt', uuid);
  waiting.push({ trigger: raw.value.trigger, payload: payloadOf(raw).bytes, id, uuid });
  pump();
  return reply.code(202).send({ id, deliveries: 1 });
});
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
process.on('disconnect', () => process.exit(0));
