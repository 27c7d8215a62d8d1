import { AggregatorRegistry, type PrometheusContentType } from 'prom-client';
import type { Metrics } from '../metrics.ts';
import type { RunningNode } from '../node.ts';
import { Channel } from './channel.ts';
import type { OneTimeToken } from './one-time-token.ts';
import type { WorkerReady, WorkerStart } from './primary.ts';

/** What a node that is one of several processes gets from its server. */
export interface Siblings {
  start: WorkerStart;
  token: OneTimeToken;
  /** The metrics of all processes, added up, in the Prometheus text format. */
  metricsOfAll: () => Promise<string>;
  /** From here on its own metrics are part of that. */
  share: (metrics: Metrics) => void;
}

/** Runs one node of several: it starts when the primary process says how, and stops with it. Never rejects. */
export async function runWorker(
  startNode: (siblings: Siblings) => Promise<RunningNode>,
  end: (error?: unknown) => void,
): Promise<void> {
  let node: RunningNode | undefined;
  let own: Metrics | undefined;
  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    // While starting, the stop waits until there is something to stop.
    node?.stop().then(() => end(), end);
  };
  // An interrupt from a terminal reaches every process: the primary one says when to stop.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', stop);
  // Without the primary process nobody connects any more.
  process.once('disconnect', stop);
  const channel = new Channel(process as never, {
    stop,
    ownMetrics: () => own?.registry.getMetricsAsJSON(),
    takeOver: (pid: number) => node?.takeOverProcess(pid),
  });
  try {
    const start = (await channel.ask('begin')) as WorkerStart | undefined;
    if (!start) return end();
    node = await startNode({
      start,
      token: {
        value: start.signInToken,
        take: async () => (await channel.ask('takeToken')) === true,
        giveBack: async () => void (await channel.ask('giveBackToken')),
      },
      metricsOfAll: async () => {
        const all = (await channel.ask('metrics')) as object[];
        return AggregatorRegistry.aggregate<PrometheusContentType>(all).metrics();
      },
      share: (metrics) => {
        own = metrics;
      },
    });
    const { url, freshOperatorKey } = node;
    const ready: WorkerReady = { url, ...(freshOperatorKey === undefined ? {} : { freshOperatorKey }) };
    if (isStopping) node.stop().then(() => end(), end);
    else await channel.ask('ready', ready);
  } catch (error) {
    end(error);
  }
}
