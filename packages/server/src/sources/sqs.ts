import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  type Message as SqsMessage,
} from '@aws-sdk/client-sqs';
import type { Message, SourceReader } from './reader.ts';
import type { SourceOf } from './source-config.ts';

/** The protocol allows no more in one request, so several are under way at a time. */
const AT_ONCE = 10;
const RECEIVERS = 10;
const WAIT_S = 10;
const VISIBILITY_S = 60;

export function connectSqs({
  region,
  endpoint,
  access_key_id: id,
  secret_access_key: secret,
}: SourceOf<'sqs'>): SQSClient {
  return new SQSClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    // Otherwise the SDK looks where it always does: environment, profile, role.
    ...(id === undefined || secret === undefined ? {} : { credentials: { accessKeyId: id, secretAccessKey: secret } }),
  });
}

/** Reads a queue, as one of those who share it. A message's place is its id: what comes twice is one event. */
export async function openSqs(source: SourceOf<'sqs'>): Promise<SourceReader> {
  const client = connectSqs(source);
  const QueueUrl = source.queue_url;
  const receive = async (waitS: number, signal: AbortSignal): Promise<SqsMessage[]> => {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: AT_ONCE,
      WaitTimeSeconds: waitS,
      VisibilityTimeout: VISIBILITY_S,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['MessageGroupId'],
    });
    const { Messages = [] } = await client.send(command, { abortSignal: signal });
    return Messages;
  };
  /** Of each of these, ten at a time. @throws Error for the first that is refused */
  const each = async (
    messages: readonly SqsMessage[],
    send: (
      entries: { Id: string; ReceiptHandle: string }[],
    ) => Promise<{ Failed?: { Message?: string | undefined }[] | undefined }>,
  ): Promise<void> => {
    const groups = Array.from({ length: Math.ceil(messages.length / AT_ONCE) }, (_, i) =>
      messages.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
    );
    const answers = await Promise.all(
      groups.map((group) => send(group.map(({ ReceiptHandle = '' }, i) => ({ Id: String(i), ReceiptHandle })))),
    );
    const [failed] = answers.flatMap(({ Failed = [] }) => Failed);
    if (failed) throw new Error(failed.Message ?? 'the queue has refused it');
  };
  return {
    async read(signal) {
      let first: SqsMessage[];
      try {
        first = await receive(WAIT_S, signal);
      } catch (error) {
        if (signal.aborted) return undefined;
        throw error;
      }
      // Where ten are there at once, more are.
      const more =
        first.length < AT_ONCE ? [] : await Promise.all(Array.from({ length: RECEIVERS }, () => receive(0, signal)));
      const taken = [...first, ...more.flat()];
      if (taken.length === 0) return undefined;
      return {
        messages: taken.map(toMessage),
        done: () => each(taken, (Entries) => client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))),
        hold: () =>
          each(taken, (entries) =>
            client.send(
              new ChangeMessageVisibilityBatchCommand({
                QueueUrl,
                Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: VISIBILITY_S })),
              }),
            ),
          ),
      };
    },
    async behind() {
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({
          QueueUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      const { ApproximateNumberOfMessages: waiting = 0, ApproximateNumberOfMessagesNotVisible: sent = 0 } =
        Attributes ?? {};
      return Number(waiting) + Number(sent);
    },
    async close() {
      client.destroy();
    },
  };
}

export function toMessage({ MessageId, Body = '', Attributes, MessageAttributes = {} }: SqsMessage): Message {
  const own = Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
    StringValue === undefined ? [] : [[name, StringValue]],
  );
  const group = Attributes?.MessageGroupId;
  return {
    place: MessageId,
    headers: { ...Object.fromEntries(own), ...(group === undefined ? {} : { ':message_group_id': group }) },
    body: Buffer.from(Body),
  };
}
