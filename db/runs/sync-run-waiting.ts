import { sql } from 'drizzle-orm';
import type { ArchivingCount, SyncConnectionInput, WaitingFor } from '../../contracts/sync.ts';
import { announcePause } from '../outgoing/announcements.ts';
import { lockRun } from './run-scope.ts';
import type { RunScope } from './run-scope.ts';
import { changePhase } from './run-state.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export interface Waiting {
  readonly what: WaitingFor;
  readonly since: string;
  readonly until: string | null;
  /** The error that the run shows meanwhile; null when the reason to wait is no error. */
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
}

/** Failures that say nothing about the provider and do not count towards giving up. */
const NOT_COUNTED: ReadonlySet<WaitingFor> = new Set(['internal', 'database-unavailable']);

/** How a run shows that it waits, and why. */
export interface SyncRunWaiting {
  wait(scope: RunScope, waiting: Waiting): Promise<void>;
  /** Like `wait`, called by the workflow itself while no attempt is running. */
  park(input: SyncConnectionInput, waiting: Waiting): Promise<void>;
  /** Shows that a person has to approve, and what. Voids an earlier approval. Throws SupersededError. */
  awaitApproval(scope: RunScope, awaiting: ArchivingCount): Promise<void>;
  /** Approves what the run asks for. Does nothing when the run does not ask. */
  approve(input: SyncConnectionInput, by: string): Promise<void>;
}

export function waitingOf(db: Database): SyncRunWaiting {
  return {
    wait: (scope, waiting) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        await wait(tx, scope, { waiting, failures: NOT_COUNTED.has(waiting.what) ? 0 : 1 });
      }),

    park: (input, waiting) =>
      withVenue(db, input.venueId, async (tx) => {
        const [open] = await tx.execute<{ told: string | null }>(
          sql`select waiting_for ->> 'told' as told from sync_runs where id = ${input.syncId} and finished_at is null for update`,
        );
        if (!open) return;
        // The next attempt counts as the first in a row.
        await wait(tx, input, { waiting, failures: 0 });
        await tellOfPause(tx, input, { waiting, isTold: open.told === waiting.what });
      }),

    awaitApproval: (scope, awaiting) =>
      withVenue(db, scope.venueId, async (tx) => {
        await lockRun(tx, scope);
        const waiting = { what: 'approval', since: new Date().toISOString(), until: null };
        await tx.execute(sql`
          update sync_runs set awaiting = ${JSON.stringify(awaiting)}::jsonb, approved = null, approved_at = null, approved_by = null,
            waiting_for = ${JSON.stringify(waiting)}::jsonb, updated_at = now()
          where id = ${scope.syncId}`);
        await changePhase(tx, scope, 'awaiting-approval');
        await announcePause(tx, scope, { by: 'guard', reason: 'approval', until: null });
      }),

    approve: (input, by) =>
      withVenue(db, input.venueId, async (tx) => {
        const approved = await tx.execute(sql`
          update sync_runs set approved = awaiting, approved_at = now(), approved_by = ${by}, awaiting = null, waiting_for = null, updated_at = now()
          where id = ${input.syncId} and finished_at is null and awaiting is not null returning id`);
        if (approved.length > 0) await changePhase(tx, input, 'running');
      }),
  };
}

/** A parked run waits for long. A lost grant is told by its connection, and an outage of ours is no pause of the venue's. */
const THROTTLED: ReadonlySet<WaitingFor> = new Set([
  'rate-limit',
  'quota',
  'provider-unavailable',
  'provider-unexpected-response',
]);

/** Announces a pause once for each reason, however often the run is parked for it. */
async function tellOfPause(
  tx: Transaction,
  input: SyncConnectionInput,
  { waiting: { what, until }, isTold }: { readonly waiting: Waiting; readonly isTold: boolean },
): Promise<void> {
  if (isTold || !THROTTLED.has(what)) return;
  await tx.execute(
    sql`update sync_runs set waiting_for = waiting_for || jsonb_build_object('told', ${what}::text) where id = ${input.syncId}`,
  );
  await announcePause(tx, input, { by: 'throttle', reason: what, until });
}

async function wait(
  tx: Transaction,
  input: SyncConnectionInput,
  { waiting: { error, ...waiting }, failures }: { readonly waiting: Waiting; readonly failures: number },
): Promise<void> {
  // A run that still waits for the same reason keeps its start time.
  await tx.execute(sql`
    update sync_runs set updated_at = now(), rate_per_second = 0, error = ${error && JSON.stringify(error)}::jsonb,
      waiting_for = case when waiting_for ->> 'what' = ${waiting.what} then waiting_for || jsonb_build_object('until', ${waiting.until}::text,
          'failures', ${failures}::int * (coalesce((waiting_for ->> 'failures')::int, 0) + 1)) else ${JSON.stringify({ ...waiting, failures })}::jsonb end
    where id = ${input.syncId}`);
  await changePhase(tx, input, 'waiting');
}
