/**
 * Bugs that the simulator has to find: proof that its invariants look at something. Each is a change of one place of the
 * engine, or of the simulated database where a statement of ours would be wrong, made while the simulator is bundled:
 * the product has no switch for them.
 */
export interface PlantedBug {
  name: string;
  /** The first seed that found it when this was written: a change of the engine changes what seeds do. */
  firstSeed: number;
  /** How a module's path ends. */
  file: string;
  /** Text that is there once, and what takes its place. */
  find: string;
  put: string;
}

const LANE_STORE = 'test/sim/lane-store.ts';
const QUEUE_STORE = 'test/sim/queue-store.ts';
const HISTORY_STORE = 'test/sim/history-store.ts';
const OWNERSHIP = 'dispatch/lane-ownership.ts';
const DISPATCHER = 'dispatch/dispatcher.ts';
const CLAIMER = 'dispatch/claimer.ts';
const ACCEPTOR = 'accept/acceptor.ts';
const SETTLER = 'settle/settler.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  // Fencing
  {
    name: 'outcomes count in any epoch',
    firstSeed: 44,
    file: QUEUE_STORE,
    find: 'attempts.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch))',
    put: 'attempts.map(() => true)',
  },
  {
    name: 'events are handed over in lanes that are lost',
    firstSeed: 3764,
    file: QUEUE_STORE,
    find: 'epoch !== null && !tables.owns(node, id, epoch)',
    put: 'epoch === -1',
  },
  {
    name: 'the epoch is not raised when a lane is taken',
    firstSeed: 3,
    file: LANE_STORE,
    find: 'lane.epoch = tables.nextEpoch();',
    put: '',
  },
  {
    name: 'a release frees the lane of another node',
    firstSeed: 987,
    file: LANE_STORE,
    find: 'if (lane?.node === node && lane.epoch === epoch)',
    put: 'if (lane)',
  },
  // Ownership
  {
    name: 'what waits for a lost lane stays in memory',
    firstSeed: 73,
    file: DISPATCHER,
    find: 'for (const job of lane.takeBehind(0)) this.drop(lane, job);',
    put: '',
  },
  {
    name: 'a lane is let go of while its request is under way',
    firstSeed: 3,
    file: 'dispatch/lane.ts',
    find: 'const isEmpty = this.load === 0 && this.pinned === 0 && this.inMemory.size === 0;',
    put: 'const isEmpty = this.waiting === 0 && this.pinned === 0;',
  },
  {
    name: 'a lane is let go of while accepting relies on it',
    firstSeed: 43,
    file: 'dispatch/lane.ts',
    find: 'this.load === 0 && this.pinned === 0 && this.inMemory.size === 0',
    put: 'this.waiting + this.inFlight === 0 && this.inMemory.size === 0',
  },
  {
    name: 'lanes whose taking was not answered are never found',
    firstSeed: 100,
    file: OWNERSHIP,
    find: 'this.adoptOwned(owned);',
    put: '',
  },
  {
    name: 'a node that was declared dead goes on with its lanes',
    firstSeed: 469,
    file: 'test/sim/node.ts',
    find: 'onDeclaredDead: () => dispatcher.loseAll(),',
    put: 'onDeclaredDead: () => {},',
  },
  // Take-over
  {
    name: 'what a dead node had handed over is not put into the queue',
    firstSeed: 9,
    file: LANE_STORE,
    find: 'events.flatMap((row) => row.handedOver)',
    put: '[]',
  },
  {
    name: 'the lanes of a dead node stay its own',
    firstSeed: 1,
    file: LANE_STORE,
    find: 'for (const [endpointId] of owned) tables.letGo(endpointId);',
    put: '',
  },
  {
    name: 'statements of a dead node go on',
    firstSeed: 593,
    file: LANE_STORE,
    find: "await connection.atomic(() => server.endStatements(name ?? ''));",
    put: '',
  },
  {
    name: 'a dead node is never noticed',
    firstSeed: 1,
    file: 'maintain/silent-nodes.ts',
    find: 'nowMs - before.sinceMs >= this.silentMs',
    put: 'nowMs - before.sinceMs < 0',
  },
  {
    name: 'the watermark passes events whose answer is open',
    firstSeed: 431,
    file: 'server/src/node.ts',
    find: 'if (unanswered && Buffer.compare(unanswered, smallest) < 0) smallest = unanswered;',
    put: '',
  },
  {
    name: 'the watermark passes deliveries that are in memory only',
    firstSeed: 99,
    file: 'server/src/node.ts',
    find: 'if (Buffer.compare(event.uuid, smallest) < 0) smallest = event.uuid;',
    put: '',
  },
  {
    name: 'events below the watermark are handed over',
    firstSeed: 1076,
    file: ACCEPTOR,
    find: 'const mayHandOver = Buffer.compare(event.uuid, node.watermark) >= 0;',
    put: 'const mayHandOver = true;',
  },
  // Accepting
  {
    name: 'what was stored without an answer is forgotten',
    firstSeed: 4,
    file: ACCEPTOR,
    find: 'if (lost.handedOver.length > 0) queued += await',
    put: 'if (lost.handedOver.length < 0) queued += await',
  },
  {
    name: 'deliveries for a lane of another node get no row',
    firstSeed: 2,
    file: QUEUE_STORE,
    find: '(!isHandedOver || elsewhere.has(delivery.endpointId))',
    put: '!isHandedOver',
  },
  {
    name: 'a key is stored for every event under it',
    firstSeed: 2,
    file: QUEUE_STORE,
    find: 'if (tables.keys.has(',
    put: "if (key === '' && tables.keys.has(",
  },
  {
    name: 'repeats in one batch are stored as well',
    firstSeed: 2,
    file: ACCEPTOR,
    find: 'if (isRepeat) repeats.push(waiting);\n    return !isRepeat;',
    put: 'return true;',
  },
  {
    name: 'a refused event keeps its room in memory',
    firstSeed: 2,
    file: ACCEPTOR,
    find: 'for (const { reservation } of deliveries) reservation.cancel();',
    put: 'void deliveries;',
  },
  {
    name: 'an account that has changed is not read again',
    firstSeed: 1240,
    file: QUEUE_STORE,
    find: 'return !account || (version !== null && String(account.version) !== version);',
    put: 'return !account;',
  },
  // Sending
  {
    name: '<= for < in the concurrency of an endpoint',
    firstSeed: 2,
    file: DISPATCHER,
    find: 'lane.inFlight < lane.concurrency',
    put: 'lane.inFlight <= lane.concurrency',
  },
  {
    name: '<= for < in the rate limiter',
    firstSeed: 2,
    file: 'dispatch/endpoint-rate-limiter.ts',
    find: 'this.inFlight + this.ended.length < this.perS',
    put: 'this.inFlight + this.ended.length <= this.perS',
  },
  {
    name: 'the rate limiter counts from the start of a request',
    firstSeed: 2,
    file: 'dispatch/endpoint-rate-limiter.ts',
    find: 'this.ended.push(nowMs);',
    put: 'this.ended.push(this.startedAtMs);',
  },
  {
    name: 'a lane is let go of within its rate window',
    firstSeed: 5,
    file: OWNERSHIP,
    find: '(lane.rateLimiter?.windowMs(nowMs) ?? 0) > 0',
    put: 'nowMs < 0',
  },
  {
    name: 'a node sends for as long as it likes after its last heartbeat',
    firstSeed: 469,
    file: 'server/src/services.ts',
    find: 'clock.monotonicMs() < node.aliveUntilMs',
    put: 'clock.monotonicMs() >= 0',
  },
  {
    name: 'a slot is not given back',
    firstSeed: 2,
    file: 'dispatch/slots.ts',
    find: 'this.count(slot, account, -1);',
    put: 'if (account.inFlight % 7 !== 0) this.count(slot, account, -1);',
  },
  {
    name: 'what is in memory is claimed once more',
    firstSeed: 2,
    file: QUEUE_STORE,
    find: 'row.dueMs <= untilMs && !held.has(row.id)',
    put: 'row.dueMs <= untilMs',
  },
  {
    name: 'a retry is never looked at when it is due',
    firstSeed: 5,
    file: CLAIMER,
    find: 'if (clock.now() >= dueAtMs) this.noteBacklog(lane);',
    put: 'if (clock.now() >= dueAtMs + 60_000) this.noteBacklog(lane);',
  },
  {
    name: 'the owner of a lane is not told of what others put into it',
    firstSeed: 2,
    file: QUEUE_STORE,
    find: 'if (lane.node !== null && lane.node !== node) notify.lanes(lane.node, [endpointId]);',
    put: '',
  },
  {
    name: 'deliveries that were handed over are dropped when their endpoint is inactive',
    firstSeed: 32,
    file: DISPATCHER,
    find: 'if (delivery.isStored) this.remove(lane, job);',
    put: 'if (delivery.isStored || !options.forced) this.remove(lane, job);',
  },
  {
    name: 'what waits for a deleted endpoint is not ended',
    firstSeed: 6,
    file: CLAIMER,
    find: 'if (answer.isGone) return this.endDeleted(lane, epoch);',
    put: '',
  },
  // Settling
  {
    name: 'a batch whose answer was lost is stored as if it were new',
    firstSeed: 4,
    file: SETTLER,
    find: 'const stored = await run(tries > 1);',
    put: 'const stored = await run(false);',
  },
  {
    name: 'outcomes are dropped when the database is busy',
    firstSeed: 16,
    file: SETTLER,
    find: "if (isLast || kindOf(error) === 'bad_row') throw error;",
    put: "if (isLast || kindOf(error) === 'busy') throw error;",
  },
  {
    name: 'sending goes on while outcomes cannot be stored, and does not begin again',
    firstSeed: 8,
    file: SETTLER,
    find: 'this.stalled = false;\n    this.parts.onFlowing();',
    put: 'this.parts.onFlowing();',
  },
  {
    name: 'a delivery whose outcome is stored stays among those without a row',
    firstSeed: 2,
    file: 'dispatch/write-behind.ts',
    find: 'this.all.remove(job.inWriteBehind);',
    put: '',
  },
  {
    name: 'failures are counted twice',
    firstSeed: 2,
    file: 'settle/endpoint-health.ts',
    find: 'else seen.leading++;',
    put: 'else seen.leading += 2;',
  },
  {
    name: '> for >= in switching endpoints off',
    firstSeed: 3,
    file: 'settle/endpoint-health.ts',
    find: 'peak >= seen.limit',
    put: 'peak >= seen.limit - 1',
  },
  // Tests, resends, replays, retention
  {
    name: 'a test is tried again',
    firstSeed: 42,
    file: 'deliver/sender.ts',
    find: 'if (delivery.test',
    put: 'if (!delivery.accountId && delivery.test',
  },
  {
    name: 'a replay does not end',
    firstSeed: 3,
    file: HISTORY_STORE,
    find: "seen.piece.length < replay.perS ? 'finished' : 'running'",
    put: "seen.piece.length > replay.perS ? 'finished' : 'running'",
  },
  {
    name: 'retention drops days with something unfinished',
    firstSeed: 10,
    file: HISTORY_STORE,
    find: 'const droppedMs = old.filter((dayMs) => !unfinished.has(dayMs));',
    put: 'const droppedMs = old;',
  },
  {
    name: 'retention believes a clock that has jumped',
    firstSeed: 49,
    file: 'maintain/retention-clock.ts',
    find: 'if (aheadMs > JUMP_MS)',
    put: 'if (aheadMs > 1_000 * JUMP_MS)',
  },
  {
    name: 'an endpoint that is switched on again is due by the clock of the database',
    firstSeed: 6052,
    file: 'test/sim/store.ts',
    find: 'if (lane) lane.nextDueMs = DUE_AT_ONCE;',
    put: 'if (lane) lane.nextDueMs = endpointId ? Date.UTC(2032, 1) : DUE_AT_ONCE;',
  },
  {
    name: 'the rate limit of a lane that was claimed while its account could not be read is not known',
    firstSeed: 6052,
    file: 'dispatch/dispatcher.ts',
    find: 'lane.update(newest?.endpoints.get(lane.endpointId));',
    put: '',
  },
  // Ordered delivery
  {
    name: 'what is behind the first of its key is due at once',
    firstSeed: 2,
    file: 'test/sim/tables.ts',
    find: 'dueMs: isFirst ? row.dueMs : DUE_IN_TURN',
    put: 'dueMs: row.dueMs',
  },
  {
    name: 'nobody is next in line',
    firstSeed: 2,
    file: 'test/sim/tables.ts',
    find: 'if (next?.dueMs === DUE_IN_TURN)',
    put: 'if (next?.dueMs === -1)',
  },
  {
    name: 'what may have to wait for its turn is handed over',
    firstSeed: 709,
    file: ACCEPTOR,
    find: 'mayHandOver && orderingKey === null',
    put: 'mayHandOver',
  },
  {
    name: 'a retry lets the next in line go',
    firstSeed: 2,
    file: QUEUE_STORE,
    find: 'if (delivery.isStored && row) Object.assign(row, again);',
    put: 'if (delivery.isStored && row) { tables.takeOutOfQueue(row.id, 0); tables.putIntoQueue({ ...row, ...again }); }',
  },
];
