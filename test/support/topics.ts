import { Admin, Producer, stringSerializers } from '@platformatic/kafka';
import type { Broker } from './brokers/broker.ts';

/** Makes a topic, and answers what sends to it. */
export async function topicAt(brokers: readonly Broker[], topic: string, replicas = 1) {
  const bootstrapBrokers = brokers.map(({ url }) => url);
  const admin = new Admin({ clientId: 'test', bootstrapBrokers, retries: 20, retryDelay: 500 });
  await admin.createTopics({ topics: [topic], partitions: 4, replicas });
  await admin.close();
  return async (values: readonly string[], more: { key?: string; headers?: Record<string, string> } = {}) => {
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers,
      serializers: stringSerializers,
      // What is sent again, since the broker was killed before it answered, is one message there.
      idempotent: true,
      retries: 30,
      retryDelay: 500,
    });
    await producer.send({ messages: values.map((value) => ({ topic, value, ...more })), acks: -1 });
    await producer.close();
  };
}
