import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { until } from '../support/eventually.ts';
import type { SyncBody } from '../support/service-client.ts';
import { drawRound } from './plan.ts';
import type { PlannedRound } from './plan.ts';
import { PROVIDER_SIDES } from './provider-side.ts';
import type { Listed } from './provider-side.ts';
import { persistently, sync } from './rounds.ts';
import type { Stage, Venue } from './rounds.ts';
import { VENUE_SIDES } from './venue-side.ts';

export interface Life {
  /** What the open full pull must bring. */
  listed: readonly Listed[];
  rounds: number;
}

/** Runs rounds until `enough`. The last rounds find nothing to do. */
export async function live(
  stage: Stage,
  venue: Venue,
  { life, enough }: { readonly life: Life; readonly enough: () => boolean },
): Promise<void> {
  const rounds = venue.plan.direction === 'push' ? pushing(stage, venue) : pulling(stage, venue, life);
  await rounds.first();
  for (life.rounds = 1; !enough(); life.rounds += 1) await rounds.next(drawRound(venue.plan, life.rounds));
  for (const mode of ['incremental', 'full'] as const) await rounds.nothing(mode);
  await expectNothingHeld(stage, venue);
}

interface Rounds {
  first(): Promise<void>;
  next(round: PlannedRound): Promise<void>;
  nothing(mode: 'full' | 'incremental'): Promise<void>;
}

function pushing(stage: Stage, venue: Venue): Rounds {
  const { account, plan, venueId } = venue;
  const side = VENUE_SIDES[plan.resource === 'products' ? 'products' : 'customers'];
  /** Revision of each record, by index. */
  const records = new Map<number, number>();

  async function load(changes: ReadonlyMap<number, number>): Promise<void> {
    for (const [index, revision] of changes) records.set(index, revision);
    const loaded = [...changes].map(([index, revision]) => side.record(index, revision));
    await persistently('records are loaded', () => stage.system.api.load(venueId, loaded, plan.resource));
  }

  return {
    async first() {
      await load(new Map(Array.from({ length: plan.records }, (_, index) => [index, 0])));
      const run = await sync(stage, venue, { mode: 'full', faults: plan.faults, expectedCalls: plan.records });
      await expectWell(stage, venue, run, { read: plan.records, created: plan.records, updated: 0 });
      await side.expectHeldOnce(account, records);
    },
    async next({ mode, changed, added, faults }) {
      const changes = new Map([...records].slice(0, changed).map(([index, revision]) => [index, revision + 1]));
      for (let index = records.size, last = records.size + added; index < last; index += 1) changes.set(index, 0);
      await load(changes);
      const run = await sync(stage, venue, { mode, faults, expectedCalls: changed + added });
      await expectWell(stage, venue, run, {
        read: mode === 'full' ? records.size : changed + added,
        created: added,
        updated: changed,
      });
      await side.expectHeldOnce(account, records);
    },
    async nothing(mode) {
      const before = (await account.writes()).length;
      const run = await sync(stage, venue, { mode, faults: [], expectedCalls: 1 });
      await expectWell(stage, venue, run, { read: mode === 'full' ? records.size : 0, created: 0, updated: 0 });
      expect((await account.writes()).length - before, 'writes of a push that has nothing to do').toBe(0);
    },
  };
}

function pulling(stage: Stage, venue: Venue, life: Life): Rounds {
  const { account, plan } = venue;
  const { database } = stage.system;
  const side = PROVIDER_SIDES[plan.resource as keyof typeof PROVIDER_SIDES];
  const nowEpochS = () => Math.floor((Date.now() + stage.clockSkewMs) / 1_000);

  const held = async () => {
    const rows = await persistently(
      'the records are read',
      () =>
        database<
          { id: string; row: object }[]
        >`select id, to_jsonb(r) as row from ${database(plan.resource)} r where venue_id = ${venue.venueId}`,
    );
    return new Map(rows.map(({ id, row }) => [id, row]));
  };

  return {
    async first() {
      await side.seed(account, { records: plan.records, nowEpochS: nowEpochS() });
      life.listed = await side.listed(account);
      const run = await sync(stage, venue, {
        mode: 'full',
        faults: plan.faults,
        expectedCalls: Math.ceil(plan.records / 100),
      });
      await expectWell(stage, venue, run, { created: life.listed.length });
      await side.expectHeldOnce(database, venue);
    },
    async next(round) {
      await side.change(account, round, nowEpochS());
      life.listed = await side.listed(account);
      const run = await sync(stage, venue, { mode: round.mode, faults: round.faults, expectedCalls: 3 });
      await expectWell(stage, venue, run, {});
      await side.expectHeldOnce(database, venue);
    },
    async nothing(mode) {
      const before = await held();
      const run = await sync(stage, venue, { mode, faults: [], expectedCalls: 1 });
      // A transaction is read in parts: a part that describes it differently but adds nothing counts as an update.
      await expectWell(stage, venue, run, {
        created: 0,
        archived: 0,
        ...(plan.resource !== 'transactions' && { updated: 0 }),
      });
      const changed = [...(await held())]
        .filter(([id, row]) => !isDeepStrictEqual(row, before.get(id)))
        .map(([id, row]) => ({ before: before.get(id), after: row }));
      expect(changed, `records that a ${mode} pull with nothing to do has changed, run ${run.id}`).toEqual([]);
      expect(
        await account.writes().then((writes) => writes.filter(({ idempotencyKey }) => idempotencyKey !== null)),
        'writes of a pull',
      ).toEqual([]);
    },
  };
}

/** Checks that the run completed and that its counts add up. */
async function expectWell(
  { system }: Stage,
  { venueId, plan }: Venue,
  run: SyncBody,
  counts: Partial<SyncBody['counts']>,
): Promise<void> {
  const { done, total } = run.progress;
  const { read, created, updated, unchanged, rejected } = run.counts;
  const told = `${plan.direction} of ${plan.resource}, run ${run.id}`;
  expect(run, told).toMatchObject({
    phase: 'finished',
    outcome: 'completed',
    error: null,
    waitingFor: null,
    counts: { rejected: 0, conflicts: 0, ...counts },
  });
  expect({ sum: created + updated + unchanged + rejected, done, total }, told).toEqual({
    sum: read,
    done: total,
    total: read,
  });
  if (plan.direction === 'pull') return;
  const [logged] = await persistently(
    'the log is read',
    () => system.database`
    select count(*) filter (where action = 'created')::int as created, count(*) filter (where action = 'updated')::int as updated,
      count(distinct (record_id, action)) filter (where action in ('created', 'updated'))::int as different
    from sync_logs where venue_id = ${venueId} and sync_id = ${run.id}`,
  );
  expect(logged, `log of the ${told}`).toEqual({ created, updated, different: created + updated });
}

/** Checks that the venue has no open run, in the database or in Temporal, and that none holds a lease. */
async function expectNothingHeld({ system }: Stage, { venueId, connectionId, account }: Venue): Promise<void> {
  const [left] = await persistently(
    'what is held is read',
    () => system.database`
    select (select count(*)::int from sync_runs where connection_id = ${connectionId} and finished_at is null) as runs,
      (select count(*)::int from provider_leases where key like ${`%${account.id}%`}) as leases`,
  );
  expect(left, 'open runs and held leases').toEqual({ runs: 0, leases: 0 });
  await until(
    async () => {
      const running: string[] = [];
      for await (const { workflowId } of system.temporal.workflow.list({
        query: `VenueId = '${venueId}' and WorkflowType = 'syncConnection' and ExecutionStatus = 'Running'`,
      }))
        running.push(workflowId);
      return running.length === 0;
    },
    { limitMs: 30_000, what: `no workflow of venue ${venueId} is running`, everyMs: 500 },
  );
}
