/**
 * Brings the brokers that the tests of sources use, and Patroni for failover, as far as this machine can have them:
 * nats-server, rabbitmq-server, patroni, etcd and PostgreSQL from Debian's packages (as root), Apache Kafka and ElasticMQ from
 * Maven Central (with Maven and Java). What is there already stays. Without one, its tests are skipped.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/brokers/', import.meta.url));
const JARS = {
  kafka: ['org.apache.kafka:kafka_2.13:4.0.0', 'org.slf4j:slf4j-nop:1.7.36'],
  elasticmq: ['org.elasticmq:elasticmq-server_2.13:1.6.12'],
};
const PROGRAMS = {
  'nats-server': { path: '/usr/sbin/nats-server' },
  'rabbitmq-server': { path: '/usr/lib/rabbitmq/bin/rabbitmq-server' },
  patroni: { path: '/usr/bin/patroni', packages: ['patroni', 'python3-psycopg2', 'etcd-server', 'postgresql'] },
};

const has = (program) => spawnSync('which', [program]).status === 0;

for (const [name, { path, packages = [name] }] of Object.entries(PROGRAMS)) {
  tell(name, existsSync(path) || has(name) || (installed(packages) && existsSync(path)));
}
for (const [name, artifacts] of Object.entries(JARS)) {
  tell(name, existsSync(join(FOLDER, name)) || (has('mvn') && has('java') && fetched(name, artifacts)));
}

function tell(name, isThere) {
  console.log(isThere ? `${name}: here` : `${name}: not to be had, its tests are skipped`);
}

function installed(packages) {
  if (process.getuid?.() !== 0 || !has('apt-get')) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...packages];
  const run = (args) => spawnSync('apt-get', args, { env, stdio: 'ignore', timeout: 300_000 }).status === 0;
  return run(install) || (run(['update', '-q']) && run(install));
}

function fetched(name, artifacts) {
  const work = mkdtempSync(join(tmpdir(), 'posthorn-brokers-'));
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  writeFileSync(
    join(work, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>posthorn</groupId><artifactId>brokers</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>`,
  );
  const args = ['-q', '-B', '-f', work, 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'jars')}`];
  const isDone = spawnSync('mvn', args, { stdio: 'ignore', timeout: 300_000 }).status === 0;
  if (isDone) {
    mkdirSync(FOLDER, { recursive: true });
    renameAcross(join(work, 'jars'), join(FOLDER, name));
  }
  rmSync(work, { recursive: true, force: true });
  return isDone;
}

/** Whole or not at all, also between two file systems. */
function renameAcross(from, to) {
  const beside = `${to}.new`;
  rmSync(beside, { recursive: true, force: true });
  spawnSync('cp', ['-r', from, beside]);
  renameSync(beside, to);
}
