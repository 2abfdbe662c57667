import { getClient } from '@temporalio/activity';
import { ScheduleNotFoundError } from '@temporalio/client';
import { scheduleId } from '../../contracts/sync.ts';
import type { ScheduledSyncInput } from '../../contracts/sync.ts';
import type { LiveSchedule, SilentSync, SyncSilenceStore } from '../../db/runs/sync-silence-store.ts';
import { staleAfter } from '../../domain/sync/sync-silence.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { describe } from '../failures.ts';

export interface StaleSyncDeps {
  readonly silences: SyncSilenceStore;
  /** A scheduled sync without a good run for this long is stale. */
  readonly staleAfterMs: number;
  readonly log: Pick<Logger, 'warn'>;
}

const AT_ONCE = 10;

/**
 * Tells subscribers of scheduled syncs that have not ended well for long. Temporal alone knows which of them somebody has
 * paused, so only those that are silent are looked up there.
 */
export async function announceStaleSyncs(deps: StaleSyncDeps, limit: number): Promise<{ readonly told: number }> {
  const { silences, staleAfterMs, log } = deps;
  const silent = await silences.listSilent({ silentMs: staleAfterMs, limit });
  const looks = await fewAtATime(silent, AT_ONCE, (sync) =>
    lookAt(deps, sync).catch((error: unknown) => {
      const { venueId, connectionId, resource } = sync;
      log.warn({ venueId, connectionId, resource, cause: describe(error) }, 'a silent sync could not be looked at');
      return { error };
    }),
  );
  const failed = looks.filter((look) => typeof look === 'object');
  // One that fails is looked at by the next sweep; where all fail, Temporal or the database is away.
  if (failed[0] && failed.length === looks.length) throw failed[0].error;
  return { told: looks.filter((look) => look === true).length };
}

/** True: subscribers were told. */
async function lookAt({ silences, staleAfterMs }: StaleSyncDeps, sync: SilentSync): Promise<boolean> {
  const schedule = sync.state === 'suspended' ? null : await findSchedule(sync, staleAfterMs);
  if (schedule !== null) return silences.announceIfStale(sync, schedule);
  await silences.excuse(sync);
  return false;
}

/** Null when nobody expects a run: the schedule is paused, has no further times, or is gone. */
async function findSchedule(
  { connectionId, resource }: SilentSync,
  staleAfterMs: number,
): Promise<LiveSchedule | null> {
  try {
    const { state, info, action } = await getClient().schedule.getHandle(scheduleId(connectionId, resource)).describe();
    if (state.paused || info.nextActionTimes.length === 0) return null;
    const [input = {}] = (action.args ?? []) as readonly Partial<ScheduledSyncInput>[];
    return {
      direction: input.direction ?? 'pull',
      changedAt: info.lastUpdatedAt ?? info.createdAt,
      staleAfterMs: staleAfter(staleAfterMs, info.nextActionTimes),
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}
