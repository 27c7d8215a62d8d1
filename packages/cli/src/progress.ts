import { Presets, SingleBar } from 'cli-progress';

/** A progress bar on a terminal; elsewhere nothing is shown. */
export function progressBar(total: number, what: string): Pick<SingleBar, 'update' | 'stop'> {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    { format: `{bar} {value} of {total} ${what}, {eta_formatted} left`, hideCursor: true, stream: process.stderr },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}
