import type { FastifyReply } from 'fastify';

/** Answers JSON text as it is: parsing and writing it again would round its numbers. */
export function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .serializer((text: string) => text)
    .send(json);
}
