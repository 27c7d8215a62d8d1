import { type Report, simulate } from './simulation.ts';

/** Leaves out as many happenings as it can while the seed still fails, first many at a time, then one by one. */
export async function shrink(report: Report): Promise<Report> {
  let smallest = report;
  const skipped = new Set<number>();
  const all = report.happenings.map((_, i) => i);
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < all.length; at += size) {
      const more = all.slice(at, at + size).filter((i) => !skipped.has(i));
      if (more.length === 0) continue;
      const tried = await simulate(report.seed, new Set([...skipped, ...more]));
      if (tried.failure === undefined) continue;
      for (const i of more) skipped.add(i);
      smallest = tried;
    }
  }
  return smallest;
}
