import { describe, expect, test, vi } from 'vitest';
import { BackloggedLanes } from './backlogged-lanes.ts';
import { planClaims } from './claim-plan.ts';
import { DeliveryMemory } from './delivery-memory.ts';
import { type Job, Lane } from './lane.ts';

function lane(change: Partial<Lane> = {}): Lane {
  const made = new Lane('ep', 'acc', 10);
  made.own(1);
  return Object.assign(made, { standing: 'healthy', backlog: 3 } as const, change);
}
const jobOf = (bytes: number) => ({ delivery: { event: { payload: Buffer.alloc(bytes) } }, options: {} }) as Job;
function backloggedOf(lanes: Iterable<Lane>): BackloggedLanes {
  const backlogged = new BackloggedLanes();
  for (const one of lanes) backlogged.add(one);
  return backlogged;
}
function roomsOf(lanes: Lane[], memory = new DeliveryMemory()) {
  const plan = planClaims(backloggedOf(lanes), memory);
  return lanes.map((one) => plan.lanes.get(one)?.room);
}

describe('a claim', () => {
  test('takes little of a lane that is new or failing, and what the lane may hold of the others', () => {
    const failing = lane({ standing: 'failing', concurrency: 1 });
    expect(roomsOf([lane(), lane({ standing: 'unproven' }), failing])).toEqual([500, 20, 1]);
  });

  test('leaves out lanes that go to another node, and those that are more than half full', () => {
    const half = lane({ reserved: 300 });
    expect(roomsOf([lane({ isMoving: true }), half, lane({ reserved: 200 })])).toEqual([undefined, undefined, 312]);
  });

  test('has a bound over all lanes', () => {
    const lanes = Array.from({ length: 6 }, () => lane());
    expect(roomsOf(lanes)).toEqual([500, 500, 500, 500, undefined, undefined]);
    const many = Array.from({ length: 300 }, () => lane({ standing: 'failing', concurrency: 1 }));
    expect(planClaims(backloggedOf(many), new DeliveryMemory()).lanes.size).toBe(200);
  });

  test('fills only the concurrency when half of the memory is taken, and nothing when all of it is', () => {
    const memory = new DeliveryMemory();
    const large = jobOf(33 * 1024 * 1024);
    const holder = lane();
    memory.add(holder, large);
    expect(roomsOf([lane()], memory)).toEqual([10]);
    memory.free(holder, large);
    expect(roomsOf([lane()], memory)).toEqual([500]);
    for (let i = 0; i < 20_000; i++) memory.add(holder, jobOf(0));
    expect(roomsOf([lane()], memory)).toEqual([undefined]);
  });

  test('asks for no more bytes than fit', () => {
    const memory = new DeliveryMemory();
    expect(planClaims(backloggedOf([lane()]), memory).bytesMax).toBe(16 * 1024 * 1024);
    memory.add(lane(), jobOf(60 * 1024 * 1024));
    expect(planClaims(backloggedOf([lane()]), memory).bytesMax).toBe(4 * 1024 * 1024);
    memory.add(lane(), jobOf(4 * 1024 * 1024));
    expect(planClaims(backloggedOf([lane()]), memory)).toEqual({ lanes: new Map(), bytesMax: 0, isPartial: false });
  });

  test('leaves half of the memory to healthy lanes, in deliveries and in bytes', () => {
    const byCount = new DeliveryMemory();
    const hanging = lane({ standing: 'failing', concurrency: 1 });
    for (let i = 0; i < 10_000; i++) byCount.add(hanging, jobOf(0));
    expect(roomsOf([lane({ standing: 'unproven' }), lane()], byCount)).toEqual([undefined, 500]);
    const byBytes = new DeliveryMemory();
    byBytes.add(hanging, jobOf(32 * 1024 * 1024));
    expect(roomsOf([lane({ standing: 'unproven' }), lane()], byBytes)).toEqual([undefined, 500]);
    byBytes.move(hanging, () => {
      hanging.standing = 'healthy';
    });
    expect(roomsOf([lane({ standing: 'unproven' })], byBytes)).toEqual([20]);
  });
});

describe('ten thousand lanes behind', () => {
  /** How many lanes a plan looks at. */
  function looksOf(backlogged: BackloggedLanes, memory: DeliveryMemory): number {
    const look = vi.spyOn(memory, 'aheadOf');
    planClaims(backlogged, memory);
    const looks = look.mock.calls.length;
    look.mockRestore();
    return looks;
  }
  const tenThousand = (change: Partial<Lane>) => Array.from({ length: 10_000 }, () => lane(change));

  test('none is looked at while memory is full, in deliveries or in bytes', () => {
    const byBytes = new DeliveryMemory();
    byBytes.add(lane(), jobOf(64 * 1024 * 1024));
    expect(looksOf(backloggedOf(tenThousand({})), byBytes)).toBe(0);
    const byCount = new DeliveryMemory();
    for (let i = 0; i < 20_000; i++) byCount.add(lane(), jobOf(0));
    expect(looksOf(backloggedOf(tenThousand({})), byCount)).toBe(0);
  });

  test('those that are not healthy are not looked at while they have all that they may have together', () => {
    const memory = new DeliveryMemory();
    memory.add(lane({ standing: 'unproven' }), jobOf(32 * 1024 * 1024));
    const backlogged = backloggedOf([...tenThousand({ standing: 'unproven' }), lane()]);
    // The healthy one; it is offered its concurrency, since half of the memory is taken.
    expect(looksOf(backlogged, memory)).toBeLessThanOrEqual(2);
    expect(planClaims(backlogged, memory).lanes.size).toBe(1);
  });

  test('those that are full are looked at once, and again when something of them has changed', () => {
    const memory = new DeliveryMemory();
    const lanes = tenThousand({ standing: 'failing', concurrency: 1, inFlight: 1 });
    const backlogged = backloggedOf(lanes);
    looksOf(backlogged, memory);
    expect(backlogged.size).toBe(10_000);
    expect(looksOf(backlogged, memory)).toBe(0);
    const [one] = lanes as [Lane];
    one.inFlight = 0;
    backlogged.noteChange(one);
    expect([...planClaims(backlogged, memory).lanes.keys()]).toEqual([one]);
  });

  test('one that has become healthy is looked at with the healthy ones', () => {
    const memory = new DeliveryMemory();
    memory.add(lane({ standing: 'failing' }), jobOf(32 * 1024 * 1024));
    const one = lane({ standing: 'unproven' });
    const backlogged = backloggedOf([one]);
    expect(planClaims(backlogged, memory).lanes.size).toBe(0);
    one.standing = 'healthy';
    backlogged.noteChange(one);
    expect([...planClaims(backlogged, memory).lanes.keys()]).toEqual([one]);
  });
});
