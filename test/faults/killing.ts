import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/eventually.ts';
import type { System } from '../support/worlds/system.ts';
import type { Killed, PlannedKill } from './plan.ts';
import type { RunWatch } from './watch.ts';

export interface Strike {
  readonly service: Killed;
  /** Number of open runs at the kill. */
  readonly hit: number;
  /** Whether work was going on at the kill, and nothing else was killed before it resumed. */
  alone: boolean;
  readonly killedAt: number;
  /** Time until the supervisor had restarted the process. */
  upAfterMs: number | null;
  /** Time until a run committed something; null when the next kill came first. */
  resumedAfterMs: number | null;
}

export interface KillingOptions {
  readonly system: System;
  readonly watch: RunWatch;
  readonly kills: readonly PlannedKill[];
  /** Called right before each kill and again once the process is up. */
  readonly inspect: () => Promise<void>;
  /** True once nothing more is to be killed. */
  readonly enough: () => boolean;
}

const TARGETS_LIMIT_MS = 120_000;
const UP_LIMIT_MS = 60_000;
/** For several kills at once with the longest pause between two attempts. */
const RESUMPTION_LIMIT_MS = 180_000;

/** Kills one process after the other, each while a push and a pull are open. */
export async function killAll({ system, watch, kills, inspect, enough }: KillingOptions): Promise<readonly Strike[]> {
  const strikes: Strike[] = [];
  const mending = new Map<Killed, Promise<void>>();
  for (const { service, since, afterMs } of kills) {
    const [before] = strikes.slice(-1);
    if (since === 'progress') await resumption(watch, before ?? null);
    await sleep(afterMs);
    await mending.get(service);
    const isDue = () => ['push', 'pull'].every((direction) => watch.open().some((run) => run.direction === direction));
    await until(() => enough() || isDue(), { limitMs: TARGETS_LIMIT_MS, what: 'a push and a pull are open' });
    if (enough()) break;
    await inspect();
    const strike: Strike = {
      service,
      hit: watch.open().length,
      alone: since === 'progress',
      killedAt: performance.now(),
      upAfterMs: null,
      resumedAfterMs: null,
    };
    if (before?.resumedAfterMs === null) before.alone = false;
    strikes.push(strike);
    mending.set(service, kill(system, strike).then(inspect));
  }
  await Promise.all(mending.values());
  return strikes;
}

/**
 * Kills a process. One that exited by itself because a process that it needs was killed is killed once it is up again.
 */
async function kill(system: System, strike: Strike): Promise<void> {
  strike.upAfterMs = await until(
    () =>
      system.kill(strike.service).catch((error: unknown) => (isDown(error) ? null : Promise.reject(error as Error))),
    {
      limitMs: UP_LIMIT_MS,
      what: `${strike.service} runs and can be killed`,
    },
  );
}

const isDown = (error: unknown) => error instanceof Error && error.message.includes('or it is down');

/** Waits until any run commits something after the kill. What the first poll shows was committed just before it. */
async function resumption(watch: RunWatch, strike: Strike | null): Promise<void> {
  let before: ReadonlyMap<string, number> | null = null;
  const resumed = () => {
    if (before === null) before = new Map(watch.runs().map(({ id, done }) => [id, done]));
    return watch.runs().some(({ id, done }) => done > (before?.get(id) ?? 0));
  };
  const stop = watch.onLook(() => {
    if (seen === null && resumed()) seen = performance.now();
  });
  let seen: number | null = null;
  try {
    const at = await until(() => seen, {
      limitMs: RESUMPTION_LIMIT_MS,
      what: `work goes on after ${strike?.service ?? 'the start'}${strike ? ' was killed' : ''}`,
    });
    if (strike) strike.resumedAfterMs = at - strike.killedAt;
  } finally {
    stop();
  }
}
