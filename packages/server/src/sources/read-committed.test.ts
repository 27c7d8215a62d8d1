import { describe, expect, test } from 'vitest';
import { markAborted } from './read-committed.ts';

const MARKER = { abort: Buffer.from([0, 0, 0, 0]), commit: Buffer.from([0, 0, 0, 1]) };
type Records = NonNullable<Parameters<typeof markAborted>[0]['records']>;

/** What stands in a partition: a batch of one message of a producer, in a transaction or not, or the end of one. */
function partition(...batches: [producer: number, what: 'message' | 'plain' | 'abort' | 'commit'][]) {
  return batches.map(([producer, what], offset) => ({
    firstOffset: BigInt(offset),
    lastOffsetDelta: 0,
    producerId: BigInt(producer),
    attributes: what === 'message' ? 16 : what === 'plain' ? 0 : 48,
    records: [{ key: what === 'abort' || what === 'commit' ? MARKER[what] : null }],
  }));
}

/** Which of the messages are left. */
function left(batches: ReturnType<typeof partition>, aborted: [producer: number, firstOffset: number][]): number[] {
  const answer = {
    abortedTransactions: aborted.map(([producer, firstOffset]) => ({
      producerId: BigInt(producer),
      firstOffset: BigInt(firstOffset),
    })),
    records: batches as unknown as Records,
  };
  markAborted(answer);
  expect(answer.abortedTransactions).toEqual([]);
  return batches.flatMap(({ attributes, firstOffset }) => (attributes & 32 ? [] : [Number(firstOffset)]));
}

describe('of what a fetch has brought', () => {
  test('all aborted transactions of a producer are left out, and those that it committed are not', () => {
    const batches = partition(
      [1, 'message'],
      [1, 'abort'],
      [1, 'message'],
      [1, 'commit'],
      [1, 'message'],
      [1, 'abort'],
    );
    expect(
      left(batches, [
        [1, 4],
        [1, 0],
      ]),
    ).toEqual([2]);
  });

  test('one whose end has not been fetched yet is left out, too', () => {
    expect(left(partition([1, 'message'], [2, 'message'], [1, 'message']), [[1, 0]])).toEqual([1]);
  });

  test('what is in no transaction stays, and so does a marker of a transaction without messages here', () => {
    expect(left(partition([1, 'plain'], [2, 'abort'], [1, 'plain'], [3, 'abort']), [[3, 0]])).toEqual([0, 2]);
  });

  test('a transaction that began before what was fetched is left out up to its end', () => {
    expect(left(partition([7, 'message'], [7, 'abort'], [7, 'message'], [7, 'commit']), [[7, -5]])).toEqual([2]);
  });
});
