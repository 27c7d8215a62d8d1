import { describe, expect, test } from 'vitest';
import type { LeasedDelivery } from '../domain/model.ts';
import { planClaims } from './claim-plan.ts';
import { Holdings } from './holdings.ts';
import { Lane } from './lane.ts';

function lane(change: Partial<Lane> = {}): Lane {
  return Object.assign(new Lane('ep', 'acc', 10), { hasAnswered: true, backlog: 3 }, change);
}
const deliveryOf = (bytes: number) => ({ event: { payload: Buffer.alloc(bytes) } }) as LeasedDelivery;
const roomsOf = (lanes: Lane[], holdings = new Holdings()) =>
  lanes.map((one) => planClaims(lanes, holdings).get(one)?.room);

describe('a claim', () => {
  test('takes little of a lane that is new or failing, and what the lane may hold of the others', () => {
    const failing = lane({ isFailing: true });
    expect(roomsOf([lane(), lane({ hasAnswered: false }), failing])).toEqual([500, 20, 10]);
  });

  test('leaves out lanes that another node asks for, and those that are more than half full', () => {
    const half = lane({ reserved: 300 });
    expect(roomsOf([lane({ isWanted: true }), half, lane({ reserved: 200 })])).toEqual([undefined, undefined, 312]);
  });

  test('has a bound over all lanes', () => {
    const lanes = Array.from({ length: 6 }, () => lane());
    expect(roomsOf(lanes)).toEqual([500, 500, 500, 500, undefined, undefined]);
    const many = Array.from({ length: 300 }, () => lane({ hasAnswered: false, concurrency: 1, isFailing: true }));
    expect(planClaims(many, new Holdings()).size).toBe(200);
  });

  test('fills only the concurrency when half of the memory is taken, and nothing when all of it is', () => {
    const holdings = new Holdings();
    const large = deliveryOf(33 * 1024 * 1024);
    holdings.take(large);
    expect(roomsOf([lane()], holdings)).toEqual([10]);
    holdings.putDown(large);
    expect(roomsOf([lane()], holdings)).toEqual([500]);
    for (let i = 0; i < 20_000; i++) holdings.take(deliveryOf(0));
    expect(roomsOf([lane()], holdings)).toEqual([undefined]);
  });
});
