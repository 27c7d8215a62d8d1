import { expect, test } from 'vitest';
import { Availability } from './availability.ts';
import { DatabaseUnavailable } from './database-errors.ts';

test('whoever waits for a database that is down is told when the server gives up waiting', async () => {
  const availability = new Availability({ probe: () => Promise.reject(new Error('down')), log: () => {} });
  await availability.whenUp();
  availability.goDown('away');
  const waiting = expect(availability.whenUp()).rejects.toThrow(DatabaseUnavailable);
  availability.giveUp();
  await waiting;
  await expect(availability.whenUp()).rejects.toThrow(DatabaseUnavailable);
  availability.stop();
});

test('while the database is up, work goes on after the server has given up waiting', async () => {
  const availability = new Availability({ probe: async () => {}, log: () => {} });
  availability.giveUp();
  await availability.whenUp();
  availability.stop();
});
