/**
 * Bugs that the simulator has to find: proof that its invariants look at something. Each is a change of one place of the
 * engine, or of the simulated database where a statement of ours would be wrong, made while the simulator is bundled:
 * the product has no switch for them.
 */
export interface PlantedBug {
  name: string;
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
    file: QUEUE_STORE,
    find: 'attempts.map(({ delivery }) => tables.owns(node, delivery.endpointId, delivery.epoch))',
    put: 'attempts.map(() => true)',
  },
  {
    name: 'events are handed over in lanes that are lost',
    file: QUEUE_STORE,
    find: 'epoch !== null && !tables.owns(node, id, epoch)',
    put: 'epoch === -1',
  },
  {
    name: 'the epoch is not raised when a lane is taken',
    file: LANE_STORE,
    find: 'lane.epoch = tables.nextEpoch();',
    put: '',
  },
  {
    name: 'a release frees the lane of another node',
    file: LANE_STORE,
    find: 'if (lane?.node === node && lane.epoch === epoch)',
    put: 'if (lane)',
  },
  {
    name: 'a dead node takes lanes',
    file: LANE_STORE,
    find: 'if (!tables.isAlive(node)) return [];',
    put: '',
  },
  {
    name: 'notes of a lost lane pass for stored',
    file: SETTLER,
    find: 'if (lost.has(delivery)) onLaneLost(delivery.endpointId, delivery.epoch);\n      else delivery.isStored = true;',
    put: 'delivery.isStored = true;',
  },
  // Ownership
  {
    name: 'what waits for a lost lane stays in memory',
    file: DISPATCHER,
    find: 'for (const job of lane.takeBehind(0)) this.drop(lane, job);',
    put: '',
  },
  {
    name: 'a lane that comes back in a new epoch keeps what it had in the old one',
    file: OWNERSHIP,
    find: 'if (known !== undefined && known < epoch) this.lose(endpointId, known);',
    put: '',
  },
  {
    name: 'lanes are let go of before a lost answer is looked after',
    file: OWNERSHIP,
    find: 'if (this.holds.size > 0) return;',
    put: '',
  },
  {
    name: 'a lane is let go of while its request is under way',
    file: 'dispatch/lane.ts',
    find: 'const isEmpty = this.load === 0 && this.pinned === 0 && this.inMemory.size === 0;',
    put: 'const isEmpty = this.waiting === 0 && this.pinned === 0;',
  },
  {
    name: 'a lane is let go of while accepting relies on it',
    file: 'dispatch/lane.ts',
    find: 'this.load === 0 && this.pinned === 0 && this.inMemory.size === 0',
    put: 'this.waiting + this.inFlight === 0 && this.inMemory.size === 0',
  },
  {
    name: 'lanes whose taking was not answered are never found',
    file: OWNERSHIP,
    find: 'this.adoptOwned(owned);',
    put: '',
  },
  {
    name: 'a node that was declared dead goes on with its lanes',
    file: 'test/sim/node.ts',
    find: 'onDeclaredDead: () => dispatcher.loseAll(),',
    put: 'onDeclaredDead: () => {},',
  },
  // Take-over
  {
    name: 'what a dead node had handed over is not put into the queue',
    file: LANE_STORE,
    find: 'events.flatMap((row) => row.handedOver)',
    put: '[]',
  },
  {
    name: 'the lanes of a dead node stay its own',
    file: LANE_STORE,
    find: 'for (const [endpointId] of owned) tables.letGo(endpointId);',
    put: '',
  },
  {
    name: 'statements of a dead node go on',
    file: LANE_STORE,
    find: "await connection.atomic(() => server.endStatements(name ?? ''));",
    put: '',
  },
  {
    name: 'a dead node is never noticed',
    file: 'maintain/silent-nodes.ts',
    find: 'nowMs - before.sinceMs >= this.silentMs',
    put: 'nowMs - before.sinceMs < 0',
  },
  {
    name: 'the watermark passes events whose answer is open',
    file: 'server/src/node.ts',
    find: 'if (unanswered && Buffer.compare(unanswered, smallest) < 0) smallest = unanswered;',
    put: '',
  },
  {
    name: 'the watermark passes deliveries that are in memory only',
    file: 'server/src/node.ts',
    find: 'if (Buffer.compare(event.uuid, smallest) < 0) smallest = event.uuid;',
    put: '',
  },
  {
    name: 'events below the watermark are handed over',
    file: ACCEPTOR,
    find: 'const mayHandOver = Buffer.compare(event.uuid, node.watermark) >= 0;',
    put: 'const mayHandOver = true;',
  },
  // Accepting
  {
    name: 'what was stored without an answer is forgotten',
    file: ACCEPTOR,
    find: 'if (lost.handedOver.length > 0) queued += await',
    put: 'if (lost.handedOver.length < 0) queued += await',
  },
  {
    name: 'deliveries for a lane of another node get no row',
    file: QUEUE_STORE,
    find: '(!isHandedOver || elsewhere.has(delivery.endpointId))',
    put: '!isHandedOver',
  },
  {
    name: 'a key is stored for every event under it',
    file: QUEUE_STORE,
    find: 'if (tables.keys.has(',
    put: "if (key === '' && tables.keys.has(",
  },
  {
    name: 'repeats in one batch are stored as well',
    file: ACCEPTOR,
    find: 'if (isRepeat) repeats.push(waiting);\n    return !isRepeat;',
    put: 'return true;',
  },
  {
    name: 'a refused event keeps its room in memory',
    file: ACCEPTOR,
    find: 'for (const { reservation } of deliveries) reservation.cancel();',
    put: 'void deliveries;',
  },
  {
    name: 'an account that has changed is not read again',
    file: QUEUE_STORE,
    find: 'return !account || (version !== null && String(account.version) !== version);',
    put: 'return !account;',
  },
  // Sending
  {
    name: '<= for < in the concurrency of an endpoint',
    file: DISPATCHER,
    find: 'lane.inFlight < lane.concurrency',
    put: 'lane.inFlight <= lane.concurrency',
  },
  {
    name: '<= for < in the rate limiter',
    file: 'dispatch/endpoint-rate-limiter.ts',
    find: 'this.inFlight + this.ended.length < this.perS',
    put: 'this.inFlight + this.ended.length <= this.perS',
  },
  {
    name: 'the rate limiter counts from the start of a request',
    file: 'dispatch/endpoint-rate-limiter.ts',
    find: 'this.ended.push(nowMs);',
    put: 'this.ended.push(this.startedAtMs);',
  },
  {
    name: 'a lane is let go of within its rate window',
    file: OWNERSHIP,
    find: '(lane.rateLimiter?.windowMs(nowMs) ?? 0) > 0',
    put: 'nowMs < 0',
  },
  {
    name: 'a node sends for as long as it likes after its last heartbeat',
    file: 'server/src/services.ts',
    find: 'clock.monotonicMs() < node.aliveUntilMs',
    put: 'clock.monotonicMs() >= 0',
  },
  {
    name: 'a slot is not given back',
    file: 'dispatch/slots.ts',
    find: 'this.count(slot, account, -1);',
    put: 'if (account.inFlight % 7 !== 0) this.count(slot, account, -1);',
  },
  {
    name: 'what is in memory is claimed once more',
    file: QUEUE_STORE,
    find: 'row.dueMs <= untilMs && !held.has(row.id)',
    put: 'row.dueMs <= untilMs',
  },
  {
    name: 'what became due while a claim was under way is forgotten',
    file: CLAIMER,
    find: 'claimed >= room || lane.backlog !== seen',
    put: 'claimed >= room',
  },
  {
    name: 'a retry is never looked at when it is due',
    file: CLAIMER,
    find: 'if (clock.now() >= dueAtMs) this.noteBacklog(lane);',
    put: 'if (clock.now() >= dueAtMs + 60_000) this.noteBacklog(lane);',
  },
  {
    name: 'the owner of a lane is not told of what others put into it',
    file: QUEUE_STORE,
    find: 'if (lane.node !== null && lane.node !== node) notify.lanes(lane.node, [endpointId]);',
    put: '',
  },
  {
    name: 'deliveries that were handed over are dropped when their endpoint is inactive',
    file: DISPATCHER,
    find: 'if (delivery.isStored) this.remove(lane, delivery);',
    put: 'if (delivery.isStored || !options.forced) this.remove(lane, delivery);',
  },
  {
    name: 'what waits for a deleted endpoint is not ended',
    file: CLAIMER,
    find: 'if (answer.isGone) return this.endDeleted(lane, epoch);',
    put: '',
  },
  // Settling
  {
    name: 'a batch whose answer was lost is stored as if it were new',
    file: SETTLER,
    find: 'const stored = await run(tries > 1);',
    put: 'const stored = await run(false);',
  },
  {
    name: 'outcomes are dropped when the database is busy',
    file: SETTLER,
    find: "if (isLast || kindOf(error) === 'bad_row') throw error;",
    put: "if (isLast || kindOf(error) === 'busy') throw error;",
  },
  {
    name: 'sending goes on while outcomes cannot be stored, and does not begin again',
    file: SETTLER,
    find: 'this.stalled = false;\n    this.parts.onFlowing();',
    put: 'this.parts.onFlowing();',
  },
  {
    name: 'a delivery is noted as stored after its outcome',
    file: 'dispatch/write-behind.ts',
    find: 'this.unstored.delete(delivery);',
    put: 'if (this.watched.has(delivery)) this.unstored.delete(delivery);',
  },
  {
    name: 'failures are counted twice',
    file: 'settle/endpoint-health.ts',
    find: 'else seen.leading++;',
    put: 'else seen.leading += 2;',
  },
  {
    name: '> for >= in switching endpoints off',
    file: 'settle/endpoint-health.ts',
    find: 'peak >= seen.limit',
    put: 'peak >= seen.limit - 1',
  },
  // Tests, resends, replays, retention
  {
    name: 'a test is tried again',
    file: 'deliver/sender.ts',
    find: 'if (delivery.test',
    put: 'if (!delivery.accountId && delivery.test',
  },
  {
    name: 'a resend waits for its turn',
    file: DISPATCHER,
    find: 'lane.pushFirst({ ...job, options: { ...job.options, forced: true } });',
    put: 'this.drop(lane, job);',
  },
  {
    name: 'a replay does not end',
    file: HISTORY_STORE,
    find: "seen.piece.length < replay.perS ? 'finished' : 'running'",
    put: "seen.piece.length > replay.perS ? 'finished' : 'running'",
  },
  {
    name: 'retention drops days with something unfinished',
    file: HISTORY_STORE,
    find: 'const droppedMs = old.filter((dayMs) => !unfinished.has(dayMs));',
    put: 'const droppedMs = old;',
  },
  {
    name: 'retention believes a clock that has jumped',
    file: 'maintain/retention-clock.ts',
    find: 'if (aheadMs > JUMP_MS)',
    put: 'if (aheadMs > 1_000 * JUMP_MS)',
  },
  {
    name: 'an endpoint that is switched on again is due by the clock of the database',
    file: 'test/sim/store.ts',
    find: 'if (lane) lane.nextDueMs = DUE_AT_ONCE;',
    put: 'if (lane) lane.nextDueMs = endpointId ? Date.UTC(2032, 1) : DUE_AT_ONCE;',
  },
];
