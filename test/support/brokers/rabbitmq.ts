import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { type Broker, findProgram, freePort, newFolder, startBroker } from './broker.ts';

/** Not the wrapper in /usr/sbin, which changes the user. */
const PROGRAM = findProgram('rabbitmq-server', '/usr/lib/rabbitmq/bin');
export const hasRabbitMq = PROGRAM !== undefined;

/** RabbitMQ with nothing but AMQP. */
export async function startRabbitMq(): Promise<Broker> {
  const [port = 0, nodesPort = 0, namesPort = 0] = await Promise.all([freePort(), freePort(), freePort()]);
  const folder = newFolder('rabbitmq');
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  writeFileSync(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`);
  return await startBroker({
    url,
    folder,
    command: PROGRAM ?? '',
    args: [],
    env: {
      HOME: folder,
      RABBITMQ_NODENAME: `test${port}@localhost`,
      RABBITMQ_DIST_PORT: String(nodesPort),
      ERL_EPMD_PORT: String(namesPort),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_PID_FILE: join(folder, 'pid'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    },
    isReady: async () => await (await connect(url)).close(),
    after: () => void spawnSync('epmd', ['-kill'], { env: { ...process.env, ERL_EPMD_PORT: String(namesPort) } }),
  });
}
