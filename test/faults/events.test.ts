import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { until } from '../support/eventually.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { deliverEvents, makeChanges, openAccount } from './event-account.ts';
import type { EventAccount } from './event-account.ts';
import { drawEventEpisode, PAUSE_MS } from './event-plan.ts';
import type { EventStrike } from './event-plan.ts';

// A seed repeats the plan of an earlier run, as in episodes.test.ts.
const seed = Number(process.env['INTERLOCK_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const episodes = Number(process.env['INTERLOCK_FAULT_EPISODES'] ?? 1);
const SIZE = { accounts: 2, changes: 150, strikes: 6 };
const EPISODE_LIMIT_MS = 300_000;
const howToRepeat = `INTERLOCK_FAULT_SEED=${seed} INTERLOCK_FAULT_EPISODES=${episodes}`;

let system: System;
beforeAll(async () => {
  system = await startSystem({ ownServers: true });
}, 180_000);
afterAll(() => system.stop(), 60_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail')
    process.stderr.write(`${howToRepeat}\n${system.logOf('worker')}\n${system.logOf('api')}\n`);
});

it.each(Array.from({ length: episodes }, (_, index) => index))(
  'episode %i: under kills every acknowledged event is there and applied once, and the latest change of each customer wins',
  async (index) => {
    const episode = drawEventEpisode(seed, index, SIZE);
    const accounts = [await openAccount(system), await openAccount(system)];
    for (const [each, of] of accounts.entries()) await makeChanges(of, episode.changes[each] ?? []);

    const [delivered] = await Promise.all([
      Promise.all(accounts.map((of) => deliverEvents(system, of, episode))),
      strikeAll(episode.strikes),
    ]);
    await until(async () => (await countOpen().catch(() => 1)) === 0, {
      limitMs: 120_000,
      what: 'no event waits',
      everyMs: 250,
    });

    for (const [each, of] of accounts.entries()) {
      const kept = await keptEvents(of);
      expect(new Set(kept.map(({ key }) => key))).toEqual(delivered[each]);
      expect(kept.filter(({ state, effects }) => state !== 'applied' || effects !== 1)).toEqual([]);
      expect(await recordsOf(of)).toEqual(await customersOf(of));
    }
    const logs = (['api', 'worker'] as const).map((service) => readFileSync(system.logFileOf(service), 'utf8'));
    for (const log of logs) expect(log).not.toMatch(/Change \d|whsec_/);
  },
  EPISODE_LIMIT_MS,
);

async function strikeAll(strikes: readonly EventStrike[]): Promise<void> {
  for (const { service, how, afterMs } of strikes) {
    await sleep(afterMs);
    if (how === 'pause') await system.pause(service, PAUSE_MS);
    // A process that stopped because one that it needs was killed may be down just now.
    else
      await until(() => system.kill(service).catch(() => null), { limitMs: 60_000, what: `${service} can be killed` });
  }
}

async function countOpen(): Promise<number> {
  const [row] = await system.database<{ open: number }[]>`
    select count(*)::int as open from webhook_events where state in ('waiting', 'retrying')`;
  return row?.open ?? -1;
}

/** The account's events as kept, and how many effects each had for the venue. */
const keptEvents = ({ account, connectionId }: EventAccount) =>
  system.database<{ key: string; state: string; effects: number }[]>`
    select event_key as key, state, (select count(*)::int from webhook_event_effects effect
      where effect.event_id = event.id and effect.connection_id = ${connectionId}) as effects
    from webhook_events event where external_account_id = ${account.id}`;

const recordsOf = async ({ venueId }: EventAccount) =>
  byId(
    await system.database<{ id: string; name: string }[]>`
      select link.external_id as id, record.name from customers record
      join record_links link on link.record_id = record.id and link.resource = 'customers'
      where record.venue_id = ${venueId} and record.deleted_at is null`,
  );

const customersOf = async ({ account }: EventAccount) => byId(await account.customers());

const byId = (rows: readonly { readonly id: string; readonly name: string | null }[]) =>
  Object.fromEntries(rows.map(({ id, name }) => [id, name]));
