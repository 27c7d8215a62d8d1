import { Admin, type Broker, type Connection, Consumer, kGetApi, kGetConnection, UserError } from '@platformatic/kafka';

/** Attributes of a batch (KIP-98): it belongs to a transaction; it is a marker, no messages. */
const IS_TRANSACTIONAL = 1 << 4;
const IS_CONTROL = 1 << 5;
/** The type of a marker, in its key behind the version. */
const ABORT = 0;

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
type Partition = FetchResponse['responses'][number]['partitions'][number];
type RecordsBatch = NonNullable<Partition['records']>[number];
type FetchApi = (...args: [...unknown[], FetchDone]) => void;
type FetchDone = (error: Error | null, response: FetchResponse) => void;

type ConnectionDone = (error: Error | null, connection?: Connection) => void;

/** The client remembers a coordinator or leader that has left the cluster, and throws where nobody can catch it. */
const gone = (): Error => new UserError('a broker that was needed has left the cluster');

/** An admin client that fails with an error where a broker is gone. */
export class SafeAdmin extends Admin {
  override [kGetConnection](broker: Broker | undefined, callback: ConnectionDone): void {
    if (broker) super[kGetConnection](broker, callback as never);
    else callback(gone());
  }
}

/**
 * A consumer that leaves out what belongs to transactions that were given up. The client's own filter knows one such transaction of
 * each producer in a fetch, and only one whose end has been fetched with it.
 */
export class ReadCommittedConsumer extends Consumer {
  override [kGetConnection](broker: Broker | undefined, callback: ConnectionDone): void {
    if (broker) super[kGetConnection](broker, callback as never);
    else callback(gone());
  }

  override [kGetApi](name: string, callback: (error: Error | null, api: never) => void): void {
    super[kGetApi](name, (error: Error | null, api: unknown) => {
      callback(error, (name === 'Fetch' && !error ? leaveOutAborted(api as FetchApi) : api) as never);
    });
  }
}

function leaveOutAborted(fetch: FetchApi): FetchApi {
  return (...args) => {
    const done = args.at(-1) as FetchDone;
    fetch(...args.slice(0, -1), (error, response) => {
      for (const { partitions } of response?.responses ?? [])
        for (const partition of partitions) markAborted(partition);
      done(error, response);
    });
  };
}

/**
 * Makes batches of transactions that were given up look like markers: the client passes over them, and goes on behind them.
 * The broker names each with its producer and first offset; it ends at the next marker of that producer.
 */
export function markAborted(partition: Pick<Partition, 'abortedTransactions' | 'records'>): void {
  const open = [...partition.abortedTransactions].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborted = new Set<bigint>();
  for (const batch of partition.records ?? []) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    for (; open[0] && open[0].firstOffset <= lastOffset; open.shift()) aborted.add(open[0].producerId);
    if (isAbort(batch)) aborted.delete(batch.producerId);
    else if (batch.attributes & IS_TRANSACTIONAL && aborted.has(batch.producerId)) batch.attributes |= IS_CONTROL;
  }
  partition.abortedTransactions = [];
}

const isAbort = ({ attributes, records: [marker] }: RecordsBatch): boolean =>
  (attributes & IS_CONTROL) !== 0 && marker?.key?.readInt16BE(2) === ABORT;
