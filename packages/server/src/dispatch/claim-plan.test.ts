import { describe, expect, test } from 'vitest';
import type { LeasedDelivery } from '../domain/model.ts';
import { planClaims } from './claim-plan.ts';
import { Holdings } from './holdings.ts';
import { Lane } from './lane.ts';

function lane(change: Partial<Lane> = {}): Lane {
  return Object.assign(new Lane('ep', 'acc', 10), { standing: 'healthy', backlog: 3 } as const, change);
}
const deliveryOf = (bytes: number) => ({ event: { payload: Buffer.alloc(bytes) } }) as LeasedDelivery;
const roomsOf = (lanes: Lane[], holdings = new Holdings()) =>
  lanes.map((one) => planClaims(lanes, holdings).lanes.get(one)?.room);

describe('a claim', () => {
  test('takes little of a lane that is new or failing, and what the lane may hold of the others', () => {
    const failing = lane({ standing: 'failing', concurrency: 1 });
    expect(roomsOf([lane(), lane({ standing: 'unproven' }), failing])).toEqual([500, 20, 1]);
  });

  test('leaves out lanes that another node asks for, and those that are more than half full', () => {
    const half = lane({ reserved: 300 });
    expect(roomsOf([lane({ isWanted: true }), half, lane({ reserved: 200 })])).toEqual([undefined, undefined, 312]);
  });

  test('has a bound over all lanes', () => {
    const lanes = Array.from({ length: 6 }, () => lane());
    expect(roomsOf(lanes)).toEqual([500, 500, 500, 500, undefined, undefined]);
    const many = Array.from({ length: 300 }, () => lane({ standing: 'failing', concurrency: 1 }));
    expect(planClaims(many, new Holdings()).lanes.size).toBe(200);
  });

  test('fills only the concurrency when half of the memory is taken, and nothing when all of it is', () => {
    const holdings = new Holdings();
    const large = deliveryOf(33 * 1024 * 1024);
    const holder = lane();
    holdings.take(holder, large);
    expect(roomsOf([lane()], holdings)).toEqual([10]);
    holdings.putDown(holder, large);
    expect(roomsOf([lane()], holdings)).toEqual([500]);
    for (let i = 0; i < 20_000; i++) holdings.take(holder, deliveryOf(0));
    expect(roomsOf([lane()], holdings)).toEqual([undefined]);
  });

  test('asks for no more bytes than fit, and looks at no lane when none fit', () => {
    const holdings = new Holdings();
    expect(planClaims([lane()], holdings).bytesMax).toBe(16 * 1024 * 1024);
    holdings.take(lane(), deliveryOf(60 * 1024 * 1024));
    expect(planClaims([lane()], holdings).bytesMax).toBe(4 * 1024 * 1024);
    holdings.take(lane(), deliveryOf(4 * 1024 * 1024));
    let looked = 0;
    const lanes = {
      *[Symbol.iterator]() {
        looked++;
        yield lane();
      },
    };
    expect(planClaims(lanes, holdings).lanes.size).toBe(0);
    expect(looked).toBe(0);
  });

  test('leaves half of the memory to healthy lanes, in deliveries and in bytes', () => {
    const byCount = new Holdings();
    const hanging = lane({ standing: 'failing', concurrency: 1 });
    for (let i = 0; i < 10_000; i++) byCount.take(hanging, deliveryOf(0));
    expect(roomsOf([lane({ standing: 'unproven' }), lane()], byCount)).toEqual([undefined, 500]);
    const byBytes = new Holdings();
    byBytes.take(hanging, deliveryOf(32 * 1024 * 1024));
    expect(roomsOf([lane({ standing: 'unproven' }), lane()], byBytes)).toEqual([undefined, 500]);
    byBytes.move(hanging, () => {
      hanging.standing = 'healthy';
    });
    expect(roomsOf([lane({ standing: 'unproven' })], byBytes)).toEqual([20]);
  });
});
