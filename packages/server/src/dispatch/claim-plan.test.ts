import { describe, expect, test, vi } from 'vitest';
import type { LeasedDelivery } from '../domain/model.ts';
import { Behind } from './behind.ts';
import { planClaims } from './claim-plan.ts';
import { Holdings } from './holdings.ts';
import { Lane } from './lane.ts';

function lane(change: Partial<Lane> = {}): Lane {
  return Object.assign(new Lane('ep', 'acc', 10), { standing: 'healthy', backlog: 3 } as const, change);
}
const deliveryOf = (bytes: number) => ({ event: { payload: Buffer.alloc(bytes) } }) as LeasedDelivery;
function behindOf(lanes: Iterable<Lane>): Behind {
  const behind = new Behind();
  for (const one of lanes) behind.add(one);
  return behind;
}
function roomsOf(lanes: Lane[], holdings = new Holdings()) {
  const plan = planClaims(behindOf(lanes), holdings);
  return lanes.map((one) => plan.lanes.get(one)?.room);
}

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
    expect(planClaims(behindOf(many), new Holdings()).lanes.size).toBe(200);
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

  test('asks for no more bytes than fit', () => {
    const holdings = new Holdings();
    expect(planClaims(behindOf([lane()]), holdings).bytesMax).toBe(16 * 1024 * 1024);
    holdings.take(lane(), deliveryOf(60 * 1024 * 1024));
    expect(planClaims(behindOf([lane()]), holdings).bytesMax).toBe(4 * 1024 * 1024);
    holdings.take(lane(), deliveryOf(4 * 1024 * 1024));
    expect(planClaims(behindOf([lane()]), holdings)).toEqual({ lanes: new Map(), bytesMax: 0 });
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

describe('ten thousand lanes behind', () => {
  /** How many lanes a plan looks at. */
  function looksOf(behind: Behind, holdings: Holdings): number {
    const look = vi.spyOn(holdings, 'aheadOf');
    planClaims(behind, holdings);
    const looks = look.mock.calls.length;
    look.mockRestore();
    return looks;
  }
  const tenThousand = (change: Partial<Lane>) => Array.from({ length: 10_000 }, () => lane(change));

  test('none is looked at while memory is full, in deliveries or in bytes', () => {
    const byBytes = new Holdings();
    byBytes.take(lane(), deliveryOf(64 * 1024 * 1024));
    expect(looksOf(behindOf(tenThousand({})), byBytes)).toBe(0);
    const byCount = new Holdings();
    for (let i = 0; i < 20_000; i++) byCount.take(lane(), deliveryOf(0));
    expect(looksOf(behindOf(tenThousand({})), byCount)).toBe(0);
  });

  test('those that are not healthy are not looked at while they have all that they may have together', () => {
    const holdings = new Holdings();
    holdings.take(lane({ standing: 'unproven' }), deliveryOf(32 * 1024 * 1024));
    const behind = behindOf([...tenThousand({ standing: 'unproven' }), lane()]);
    // The healthy one; it is offered its concurrency, since half of the memory is taken.
    expect(looksOf(behind, holdings)).toBeLessThanOrEqual(2);
    expect(planClaims(behind, holdings).lanes.size).toBe(1);
  });

  test('those that are full are looked at once, and again when something of them has changed', () => {
    const holdings = new Holdings();
    const lanes = tenThousand({ standing: 'failing', concurrency: 1, inFlight: 1 });
    const behind = behindOf(lanes);
    looksOf(behind, holdings);
    expect(behind.size).toBe(10_000);
    expect(looksOf(behind, holdings)).toBe(0);
    const [one] = lanes as [Lane];
    one.inFlight = 0;
    behind.noteChange(one);
    expect([...planClaims(behind, holdings).lanes.keys()]).toEqual([one]);
  });

  test('one that has become healthy is looked at with the healthy ones', () => {
    const holdings = new Holdings();
    holdings.take(lane({ standing: 'failing' }), deliveryOf(32 * 1024 * 1024));
    const one = lane({ standing: 'unproven' });
    const behind = behindOf([one]);
    expect(planClaims(behind, holdings).lanes.size).toBe(0);
    one.standing = 'healthy';
    behind.noteChange(one);
    expect([...planClaims(behind, holdings).lanes.keys()]).toEqual([one]);
  });
});
