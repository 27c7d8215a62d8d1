import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, findJars, findProgram, freePort, newFolder, startBroker } from './broker.ts';
import { connects } from './nats.ts';

const JARS = findJars('elasticmq');
export const hasElasticMq = JARS !== undefined;

/** ElasticMQ: a server that speaks the protocol of Amazon SQS, with its messages on disk. */
export async function startElasticMq(): Promise<Broker> {
  const port = await freePort();
  const folder = newFolder('elasticmq');
  const settings = join(folder, 'elasticmq.conf');
  writeFileSync(
    settings,
    `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port} }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1" }
rest-stats { enabled = false }
messages-storage { enabled = true, uri = "jdbc:h2:${join(folder, 'messages')}" }
queues-storage { enabled = true, path = "${join(folder, 'queues.conf')}" }
`,
  );
  return await startBroker({
    url: `http://127.0.0.1:${port}`,
    folder,
    command: findProgram('java') ?? '',
    args: ['-Xmx256m', `-Dconfig.file=${settings}`, '-cp', JARS ?? '', 'org.elasticmq.server.Main'],
    isReady: () => connects(port),
  });
}
