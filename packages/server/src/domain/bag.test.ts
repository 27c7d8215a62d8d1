import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bag, type Entry } from './bag.ts';

test('a bag holds what was added and not removed', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('add' as const), fc.nat({ max: 40 }))), (steps) => {
      const bag = new Bag<number>();
      const model = new Set<number>();
      const entries: Entry<number>[] = [];
      steps.forEach((step, i) => {
        if (step === 'add') {
          entries.push(bag.add(i));
          model.add(i);
          return;
        }
        const entry = entries[step];
        if (!entry) return;
        // Also what was removed before: then nothing happens.
        bag.remove(entry);
        model.delete(entry.item);
      });
      expect([...bag].sort((a, b) => a - b)).toEqual([...model]);
      expect(bag.size).toBe(model.size);
    }),
  );
});
