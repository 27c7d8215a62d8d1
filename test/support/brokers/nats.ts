import { connect } from 'node:net';
import { type Broker, findProgram, freePort, newFolder, startBroker } from './broker.ts';

const PROGRAM = findProgram('nats-server');
export const hasNats = PROGRAM !== undefined;

/** nats-server with JetStream. */
export async function startNats(): Promise<Broker> {
  const port = await freePort();
  const folder = newFolder('nats');
  return await startBroker({
    url: `nats://127.0.0.1:${port}`,
    folder,
    command: PROGRAM ?? '',
    args: ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder],
    isReady: () => connects(port),
  });
}

/** @throws Error when nobody listens there */
export function connects(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}
