import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/eventually.ts';
import type { System } from '../support/system.ts';
import type { Killed, PlannedKill } from './plan.ts';
import type { RunWatch } from './watch.ts';

export interface Strike {
  readonly service: Killed;
  /** Runs that were open. */
  readonly hit: number;
  /** Until the supervisor had it up again. */
  upAfterMs: number | null;
  /** Until one of the runs that were hit had committed something more; null when the next kill came first. */
  resumedAfterMs: number | null;
}

export interface KillingOptions {
  readonly system: System;
  readonly watch: RunWatch;
  readonly kills: readonly PlannedKill[];
  /** Looked at right before each kill and once more when the process is up again. */
  readonly inspect: () => Promise<void>;
}

const TARGETS_LIMIT_MS = 120_000;
const UP_LIMIT_MS = 60_000;

/** Kills one process after the other, each while a push and a pull are open. A kill does not wait until those before it are mended. */
export async function killAll({ system, watch, kills, inspect }: KillingOptions): Promise<readonly Strike[]> {
  const strikes: Strike[] = [];
  const mending = new Map<Killed, Promise<void>>();
  for (const { service, afterMs } of kills) {
    await sleep(afterMs);
    await mending.get(service);
    await until(() => ['push', 'pull'].every((direction) => watch.open().some((run) => run.direction === direction)), { limitMs: TARGETS_LIMIT_MS, what: 'a push and a pull are open' });
    await inspect();
    const strike: Strike = { service, hit: watch.open().length, upAfterMs: null, resumedAfterMs: null };
    strikes.push(strike);
    mending.set(service, kill(system, strike).then(inspect));
    timeResumption(watch, strike, () => strikes.at(-1) === strike);
  }
  await Promise.all(mending.values());
  return strikes;
}

/** A process that went down by itself, since what it needs was killed, is killed when it is up again. */
async function kill(system: System, strike: Strike): Promise<void> {
  strike.upAfterMs = await until(() => system.kill(strike.service).catch((error: unknown) => (isDown(error) ? null : Promise.reject(error as Error))), {
    limitMs: UP_LIMIT_MS,
    what: `${strike.service} runs and can be killed`,
  });
}

const isDown = (error: unknown) => error instanceof Error && error.message.includes('or it is down');

/** Measured from the first look after the kill: what was committed just before it is no resumption. */
function timeResumption(watch: RunWatch, strike: Strike, isLast: () => boolean): void {
  const killedAt = performance.now();
  let before: ReadonlyMap<string, number> | null = null;
  const stop = watch.onLook(() => {
    if (!isLast()) stop();
    else if (before === null) before = new Map(watch.open().map(({ id, done }) => [id, done]));
    else if ([...before].some(([id, done]) => (watch.find(id)?.done ?? 0) > done || watch.find(id)?.finished === true)) {
      strike.resumedAfterMs = performance.now() - killedAt;
      stop();
    }
  });
}
