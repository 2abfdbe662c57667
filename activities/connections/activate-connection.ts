import { Context, getClient } from '@temporalio/activity';
import { ScheduleAlreadyRunning } from '@temporalio/client';
import type { AuthorizationActivities } from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { scheduleId } from '../../contracts/sync.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import type { AuthorizationStore } from '../../db/connections/authorization-store.ts';
import type { ScheduleStore } from '../../db/runs/schedule-store.ts';
import type { SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { defaultJitterMs, phaseFrom } from '../../domain/schedule/schedule-timing.ts';
import {
  DEFAULT_TIMING,
  SCHEDULE_POLICIES,
  scheduledAction,
  withoutDefaultSchedule,
} from '../../domain/schedule/scheduled-sync.ts';
import { keywordAttributes } from '../../domain/sync/search-attributes.ts';
import { syncKeywords } from '../../domain/sync/sync-labels.ts';
import { tellOwner, wakeRuns } from './connection-owner.ts';
import { countLimit } from '../../telemetry/metrics.ts';
import { guarded } from '../failures.ts';
import { revokeRejected } from './rejected-grant.ts';
import type { RejectedGrantDeps } from './rejected-grant.ts';

export interface ActivateConnectionDeps extends RejectedGrantDeps {
  readonly authorizations: AuthorizationStore;
  readonly schedules: ScheduleStore;
  readonly runs: SyncRunStore;
}

/** The last step of an attempt to connect, once its outcome is known. */
export function createActivateConnectionActivities(deps: ActivateConnectionDeps): AuthorizationActivities {
  return {
    refuseAuthorization: (input) =>
      guarded(async () => {
        const attemptId = Context.current().info.workflowExecution?.workflowId ?? '';
        // Revoked first, because ending the attempt deletes what it brought.
        await revokeRejected(deps, { ...input, attemptId });
        const connected = await deps.authorizations.refuse({ ...input, attemptId }, input.code);
        return connected === null
          ? { outcome: 'refused', connectionId: input.connectionId, code: input.code }
          : { outcome: 'connected', connectionId: connected };
      }),
    adoptConnection: (input) => guarded(() => adopt(deps, input)),
  };
}

const NO_ROOM = 'a default schedule was not made: the venue has as many schedules as it may have';

async function adopt(
  { providers, schedules, runs, log }: ActivateConnectionDeps,
  connection: ConnectionRef & { readonly provider: ProviderId },
): Promise<void> {
  const { venueId, connectionId, provider } = connection;
  const capabilities = providers.find(provider)?.capabilities;
  const providerName = capabilities?.displayName ?? provider;
  // First of all, so that the token has a token manager.
  await tellOwner(connection, providerName);
  const missing = withoutDefaultSchedule(capabilities, await schedules.listScheduled(connection));
  const roomy = await schedules.reserve(connection, missing);
  for (const resource of missing) {
    const key = { venueId, connectionId, provider, resource, direction: 'pull' } as const;
    if (roomy.includes(resource)) await makeSchedule(key, providerName);
    else {
      countLimit('schedule-limit-reached');
      log.warn({ venueId, connectionId, resource, limit: 'schedule-limit-reached' }, NO_ROOM);
    }
    await schedules.noteScheduled(key, resource);
  }
  await wakeRuns(await runs.listOpen(connection));
}

/** Leaves an existing schedule as it is. */
async function makeSchedule(key: SyncKey, providerName: string): Promise<void> {
  const { offsetMs, startAt } = phaseFrom(new Date(), DEFAULT_TIMING.everyMs);
  const typedSearchAttributes = keywordAttributes(syncKeywords(key));
  try {
    await getClient().schedule.create({
      scheduleId: scheduleId(key.connectionId, key.resource),
      memo: { venueId: key.venueId },
      spec: {
        intervals: [{ every: DEFAULT_TIMING.everyMs, offset: offsetMs }],
        startAt,
        jitter: defaultJitterMs(DEFAULT_TIMING),
      },
      policies: SCHEDULE_POLICIES,
      typedSearchAttributes,
      action: { ...scheduledAction(key, { providerName }), typedSearchAttributes },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
