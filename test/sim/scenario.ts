/** What happens to a simulated installation, decided by its seed before it begins. */
import { type DatabaseFaults, NO_FAULTS } from './connection.ts';
import { BEHAVIOURS, type Behaviour } from './receivers.ts';
import type { Chance, World } from './world.ts';

const KINDS = [
  'receiver',
  'kill',
  'shutdown',
  'stop',
  'database',
  'clock',
  'database clock',
  'all clocks',
  'status',
  'remove',
  'resend',
  'release',
  'replay',
  'testing',
  'retention',
  'start',
  'faults',
] as const;
/** What happens more often than the rest, in a storm of one kind. */
const THEMES: Readonly<Record<string, readonly Kind[]>> = {
  mixed: KINDS,
  receivers: ['receiver', 'receiver', 'status', 'resend', 'replay', 'testing'],
  processes: ['kill', 'stop', 'stop', 'start', 'shutdown', 'receiver'],
  database: ['database', 'faults', 'faults', 'receiver', 'resend'],
  endpoints: ['status', 'status', 'remove', 'resend', 'release', 'testing', 'receiver'],
  history: ['retention', 'retention', 'database clock', 'all clocks', 'clock', 'replay', 'resend'],
};
/** How bad the worst storm is: the share of statements that go wrong. */
const FAULTS_MAX = [0.01, 0.05, 0.15];

export type Kind = (typeof KINDS)[number];

/** `which` chooses among what there is at that moment: 0 to 1. */
export interface Happening {
  atMs: number;
  kind: Kind;
  which: number;
  other: number;
  behaviour: Behaviour;
  faults: DatabaseFaults;
  forMs: number;
}

export interface Scenario {
  nodes: number;
  /** From here on everything works. */
  stormMs: number;
  /** Nothing goes wrong from the beginning. */
  isQuiet: boolean;
  happenings: Happening[];
}

export function scenarioOf(world: World): Scenario {
  const chance = world.stream('scenario');
  const isQuiet = chance.chance(0.1);
  const stormMs = chance.between(5_000, 40_000);
  const gapMs = chance.pick([300, 1_000, 3_000]);
  const theme = THEMES[chance.pick(Object.keys(THEMES))] ?? KINDS;
  const faultsMax = chance.pick(FAULTS_MAX);
  const happenings: Happening[] = isQuiet ? [] : [happening(chance, 1_000, 'faults', faultsMax)];
  for (let atMs = 1_500; !isQuiet && atMs < stormMs; atMs += chance.random() * gapMs * 2) {
    happenings.push(happening(chance, atMs, chance.pick(chance.chance(0.7) ? theme : KINDS), faultsMax));
  }
  return { nodes: chance.between(1, 3), stormMs, isQuiet, happenings };
}

function happening(chance: Chance, atMs: number, kind: Kind, faultsMax: number): Happening {
  return {
    atMs,
    kind,
    which: chance.random(),
    other: chance.random(),
    behaviour: chance.pick(BEHAVIOURS),
    faults: someFaults(chance, faultsMax),
    forMs: chance.pick([100, 1_000, 3_000, 12_000, 20_000, 40_000]),
  };
}

function someFaults(chance: Chance, max: number): DatabaseFaults {
  if (chance.chance(0.3)) return NO_FAULTS;
  const some = () => (chance.chance(0.5) ? chance.random() * max : 0);
  return { lostBefore: some(), answerLost: some(), busy: some(), silent: some() / 20, slow: 0.02 + some() };
}

/** As a line, for people. */
export function describe({ atMs, kind, which, behaviour, forMs }: Happening): string {
  const more = { receiver: ` ${behaviour}`, stop: ` for ${forMs} ms`, database: ` away for ${forMs} ms` } as const;
  return `${Math.round(atMs)} ms: ${kind}${kind in more ? more[kind as keyof typeof more] : ''} (${which.toFixed(3)})`;
}
