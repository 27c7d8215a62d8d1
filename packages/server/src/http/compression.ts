import compress from '@fastify/compress';
import type { App } from './app.ts';

/** Smaller answers fit into a packet or two anyway. */
const FROM_BYTES = 1_400;

/**
 * Compresses what is read: lists are ten times smaller. Publishing answers a line, and does not pay for a look at it.
 * Register it after what has to see answers as they are.
 */
export async function compressReads(app: App): Promise<void> {
  app.addHook('onRoute', (route) => {
    // Where nothing is said, every answer would still be given a way to be compressed.
    Object.assign(route, { compress: route.method === 'GET' ? {} : false });
  });
  await app.register(compress, {
    global: false,
    threshold: FROM_BYTES,
    encodings: ['br', 'gzip'],
    inflateIfDeflated: false,
  });
}
