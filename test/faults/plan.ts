import type { Direction, Resource } from '../../contracts/providers.ts';
import type { ServiceName } from '../../runtime/start/instance.ts';
import { drawing } from './drawing.ts';
import type { Draw } from './drawing.ts';

/** Faults of the provider. Each is one fault of the sandbox's control API. */
export const PROVIDER_FAULTS = {
  '429-with-hint': { kind: 'status', status: 429, retryAfter: 1 },
  '429-without-hint': { kind: 'status', status: 429, rateLimitedReason: null },
  '500-before-commit': { kind: 'status', status: 500 },
  '500-stored-before-commit': { kind: 'status', status: 500, stored: true },
  '500-after-commit': { kind: 'commit-then-fail', status: 500 },
  'answer-lost-after-commit': { kind: 'commit-then-fail' },
  slow: { kind: 'slow', delayMs: 3_000 },
  reset: { kind: 'reset' },
  truncated: { kind: 'truncate' },
  'html-instead-of-json': { kind: 'html' },
  'html-502': { kind: 'html', status: 502 },
  revoked: { kind: 'revoke' },
} as const;
export type FaultName = keyof typeof PROVIDER_FAULTS;
const FAULT_NAMES = Object.keys(PROVIDER_FAULTS) as FaultName[];

/** The killed processes: all that a sync needs, except the provider. */
export const KILLED = ['worker', 'api', 'postgres', 'temporal'] as const satisfies readonly ServiceName[];
export type Killed = (typeof KILLED)[number];

export interface PlannedFault {
  readonly name: FaultName;
  /** Strikes at the nth matching call, as a share of the calls that the round is expected to make. */
  readonly at: number;
  readonly times: number;
}

export interface PlannedKill {
  readonly service: Killed;
  /**
   * Start of the delay: any run's first commit after the previous kill, or that kill itself, before anything has
   * recovered.
   */
  readonly since: 'progress' | 'kill';
  readonly afterMs: number;
}

export interface PlannedVenue {
  readonly resource: Exclude<Resource, 'inventory' | 'invoices'>;
  readonly direction: Exclude<Direction, 'both'>;
  readonly records: number;
  /** Faults of its first round, which moves every record. */
  readonly faults: readonly PlannedFault[];
  /** Seed of its later rounds. */
  readonly seed: number;
}

export interface PlannedRound {
  readonly mode: 'full' | 'incremental';
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  readonly faults: readonly PlannedFault[];
}

export interface Episode {
  /** How far the provider's clock is ahead of ours. */
  readonly clockSkewMs: number;
  readonly venues: readonly PlannedVenue[];
  readonly kills: readonly PlannedKill[];
}

const VENUES = [
  { resource: 'customers', direction: 'push' },
  { resource: 'customers', direction: 'pull' },
  { resource: 'products', direction: 'push' },
  { resource: 'products', direction: 'pull' },
  { resource: 'transactions', direction: 'pull' },
  { resource: 'customers', direction: 'push' },
] as const;

// Below the ten minutes of overlap with which changes are read again.
const SKEWS_MS = [0, 20_000, -20_000, 240_000, -240_000] as const;

/**
 * One episode, determined by the seed and its index: every venue's first round has faults, and each kind of fault
 * occurs.
 */
export function drawEpisode(seed: number, index: number, killCount: number): Episode {
  const draw = drawing(seed, index);
  const deck = [...draw.shuffled(FAULT_NAMES), ...draw.shuffled(FAULT_NAMES)];
  const share = Math.ceil(deck.length / VENUES.length);
  const services = draw.shuffled(
    Array.from({ length: killCount }, (_, each) => KILLED[each % KILLED.length] ?? 'worker'),
  );
  return {
    clockSkewMs: SKEWS_MS[(seed + index) % SKEWS_MS.length] ?? 0,
    venues: VENUES.map((venue, each) => ({
      ...venue,
      records: draw.between(300, 1_000),
      faults: deck.slice(each * share, (each + 1) * share).map((name) => drawFault(draw, name)),
      seed: draw.between(1, 2 ** 31),
    })),
    kills: services.map((service, each) => drawKill(draw, { service, isFirst: each === 0 })),
  };
}

function drawKill(
  draw: Draw,
  { service, isFirst }: { readonly service: Killed; readonly isFirst: boolean },
): PlannedKill {
  const since = isFirst || draw.chance(0.55) ? 'progress' : 'kill';
  return { service, since, afterMs: since === 'kill' ? draw.between(20, 600) : draw.between(20, 2_500) };
}

/** A venue's later rounds, as long as kills are due: a small change, synced one way or the other. */
export function drawRound({ seed }: PlannedVenue, index: number): PlannedRound {
  const draw = drawing(seed, index);
  return {
    mode: draw.chance(0.5) ? 'full' : 'incremental',
    changed: draw.between(5, 40),
    added: draw.between(5, 40),
    removed: draw.between(0, 8),
    faults: draw
      .shuffled(FAULT_NAMES.filter((name) => name !== 'revoked'))
      .slice(0, 2)
      .map((name) => drawFault(draw, name)),
  };
}

/** Revokes a key in the first half of the work, so that enough is left for the venue's other faults. */
const drawFault = (draw: Draw, name: FaultName): PlannedFault =>
  name === 'revoked' ? { name, at: draw.share() / 2, times: 1 } : { name, at: draw.share(), times: draw.between(1, 3) };
