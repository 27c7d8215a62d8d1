import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { type Broker, findJars, findProgram, freePort, newFolder, startBroker } from './broker.ts';

const JARS = findJars('kafka');
export const hasKafka = JARS !== undefined;

/** Apache Kafka with KRaft: one broker, or several that keep copies of each other's partitions. */
export async function startKafka(count = 1): Promise<Broker[]> {
  const ports = await Promise.all(Array.from({ length: 2 * count }, freePort));
  const voters = Array.from({ length: count }, (_, i) => `${i + 1}@127.0.0.1:${ports[2 * i + 1]}`).join(',');
  return await Promise.all(Array.from({ length: count }, (_, i) => startOne(i + 1, ports, count, voters)));
}

async function startOne(id: number, ports: readonly number[], count: number, voters: string): Promise<Broker> {
  const [port, controllerPort] = [ports[2 * id - 2], ports[2 * id - 1]];
  const folder = newFolder('kafka');
  const url = `127.0.0.1:${port}`;
  const settings = join(folder, 'server.properties');
  const copies = Math.min(3, count);
  writeFileSync(
    settings,
    `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters}
listeners=PLAINTEXT://${url},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://${url}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(folder, 'logs')}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=${copies}
transaction.state.log.replication.factor=${copies}
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
`,
  );
  const java = findProgram('java') ?? '';
  const formatted = spawnSync(
    java,
    ['-cp', JARS ?? '', 'kafka.tools.StorageTool', 'format', '-t', '4L6g3nShT-eMCtK--X86sw', '-c', settings],
    { encoding: 'utf8' },
  );
  if (formatted.status !== 0) throw new Error(formatted.stderr);
  return await startBroker({
    url,
    folder,
    command: java,
    args: ['-Xmx384m', '-cp', JARS ?? '', 'kafka.Kafka', settings],
    async isReady() {
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [url], retries: 0, connectTimeout: 1_000 });
      try {
        await admin.listTopics();
      } finally {
        await admin.close();
      }
    },
  });
}
