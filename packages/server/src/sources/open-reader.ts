import type { SourceReader } from './reader.ts';
import type { SourceConfig } from './source-config.ts';

/** Opens a source. Clients of brokers are loaded when one is configured: most servers have none. */
export async function openReader(source: SourceConfig): Promise<SourceReader> {
  switch (source.type) {
    case 'kafka':
      return (await import('./kafka.ts')).openKafka(source);
    case 'nats':
      return (await import('./nats.ts')).openNats(source);
    case 'rabbitmq':
      return (await import('./rabbitmq.ts')).openRabbitMq(source);
    case 'sqs':
      return (await import('./sqs.ts')).openSqs(source);
    case 'postgresql':
      return (await import('./outbox.ts')).openOutbox(source);
  }
}
