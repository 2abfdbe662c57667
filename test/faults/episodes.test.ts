import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { aheadOfItsRows, snapshot } from './cursors.ts';
import { killAll } from './killing.ts';
import type { Strike } from './killing.ts';
import { drawEpisode, KILLED, PROVIDER_FAULTS } from './plan.ts';
import type { FaultName, Killed } from './plan.ts';
import { openVenue } from './rounds.ts';
import { live } from './venue-life.ts';
import type { Life } from './venue-life.ts';
import { RunWatch } from './watch.ts';

// A seed repeats the plan of an earlier run: which faults and kills there are, and when. How the processes react is not
// repeatable.
const seed = Number(process.env['INTERLOCK_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** `npm test` runs one episode, a tenth of the suite; `npm run fault-suite` runs them all. */
const episodes = Number(process.env['INTERLOCK_FAULT_EPISODES'] ?? 1);
const KILLS_AN_EPISODE = 20;
const EPISODE_LIMIT_MS = 600_000;
const howToRepeat = `INTERLOCK_FAULT_SEED=${seed} INTERLOCK_FAULT_EPISODES=${episodes}`;

const strikes: Strike[] = [];
const struck = new Map<FaultName, number>();
let system: System;

beforeAll(async () => {
  process.stdout.write(`faults are drawn from ${howToRepeat}\n`);
  system = await startSystem({ ownServers: true, env: { STRIPE_REQUESTS_PER_SECOND: '40' } });
  await system.stripe.limits({ requestsPerSecond: 0, latencyMs: 75 });
}, 180_000);
afterAll(async () => {
  await system.stop();
  process.stdout.write(`${summary()}\n`);
}, 60_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail')
    process.stderr.write(`${howToRepeat}\n${system.logOf('worker')}\n${system.logOf('api')}\n`);
});

it.each(Array.from({ length: episodes }, (_, index) => index))(
  'episode %i: under faults and kills every run completes, each record is on both sides once, and no cursor is ahead of its rows',
  async (index) => {
    const { clockSkewMs, venues: plans, kills } = drawEpisode(seed, index, KILLS_AN_EPISODE);
    await system.stripe.clock(clockSkewMs);
    const watch = new RunWatch(system.database);
    try {
      const venues = await Promise.all(plans.map((plan) => openVenue(system, plan)));
      const lives = new Map<string, Life>(venues.map(({ connectionId }) => [connectionId, { listed: [], rounds: 0 }]));
      for (const { connectionId } of venues) watch.add(connectionId);
      const ahead: string[] = [];
      let cursorsSeen = 0;
      const inspect = async () => {
        const seen = await snapshot(system.database, watch.connectionIds).catch(() => []);
        cursorsSeen += seen.length;
        for (const run of seen)
          ahead.push(
            ...aheadOfItsRows(run, lives.get(run.connectionId)?.listed ?? []).map(
              (what) => `${run.direction} ${run.id}: ${what}`,
            ),
          );
      };

      let over = false;
      const stage = { system, watch, struck, clockSkewMs };
      let lastKillAt = 0;
      const killing = killAll({ system, watch, kills, inspect, enough: () => over }).finally(() => {
        over = true;
        lastKillAt = performance.now();
      });
      const living = Promise.all(
        venues.map((venue) => live(stage, venue, { life: lives.get(venue.connectionId)!, enough: () => over })),
      );
      // A failure of one venue stops the others and the kills before the next episode begins.
      living.catch(() => {
        over = true;
      });
      await killing.catch(() => undefined);
      const [made] = await Promise.all([killing, living]);
      strikes.push(...made);

      const rounds = [...lives.values()].reduce((sum, life) => sum + life.rounds, 0);
      process.stdout.write(
        `episode ${index}: clock ${clockSkewMs} ms ahead, ${made.length} kills, ${rounds} rounds of ${venues.length} venues, ${cursorsSeen} cursors looked at, all over ${Math.round(performance.now() - lastKillAt)} ms after the last process was up\n`,
      );
      expect({ ahead, wentBack: watch.wentBack }).toEqual({ ahead: [], wentBack: [] });
      expect(cursorsSeen).toBeGreaterThan(0);
      expect(made.every(({ hit }) => hit >= 2)).toBe(true);
    } finally {
      await watch.stop();
    }
  },
  EPISODE_LIMIT_MS,
);

it('every process was killed and every provider fault struck', () => {
  expect(new Set(strikes.map(({ service }) => service))).toEqual(new Set(KILLED));
  expect([...struck.keys()].sort()).toEqual(Object.keys(PROVIDER_FAULTS).sort());
});

function summary(): string {
  const faults = [...struck].sort().map(([name, times]) => `${name} ${times}×`);
  return [`${strikes.length} kills, ${howToRepeat}`, ...KILLED.map(timesOf), `faults: ${faults.join(', ')}`].join('\n');
}

function timesOf(service: Killed): string {
  const own = strikes.filter((strike) => strike.service === service);
  return `${service}: ${own.length} kills, up again ${distribution(own.map(({ upAfterMs }) => upAfterMs))}, work went on ${distribution(own.map(({ alone, resumedAfterMs }) => (alone ? resumedAfterMs : null)))}`;
}

/** Formats the distribution. Null is a kill that came before or after another without resumption in between. */
function distribution(times: readonly (number | null)[]): string {
  const known = times.filter((time) => time !== null).sort((a, b) => a - b);
  const at = (share: number) => Math.round(known[Math.min(known.length - 1, Math.floor(known.length * share))] ?? 0);
  return known.length === 0 ? 'not seen' : `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms (${known.length})`;
}
