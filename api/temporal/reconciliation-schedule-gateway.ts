import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleHandle, ScheduleOptions } from '@temporalio/client';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import {
  RECONCILE_CONNECTION,
  RECONCILIATION_SCHEDULE,
  reconciliationScheduleId,
} from '../../contracts/reconciliation.ts';
import type { ReconcileConnectionInput } from '../../contracts/reconciliation.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { SCHEDULE_POLICIES } from '../../domain/schedule/scheduled-sync.ts';
import { keywordAttributes } from '../../domain/sync/search-attributes.ts';
import { callTemporal } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

export interface ReconciliationScheduleSettings {
  /** Clock time in `timeZone`. */
  readonly hour: number;
  readonly minute: number;
  readonly timeZone: string;
  /** How many days up to yesterday each run compares. */
  readonly days: number;
  readonly paused: boolean;
}

export interface ReconciliationSchedule extends Omit<ReconciliationScheduleSettings, 'hour' | 'minute'> {
  /** Null when the time was changed in the Temporal Web UI to more than one a day. */
  readonly at: { readonly hour: number; readonly minute: number } | null;
  readonly nextRuns: readonly Date[];
}

/** The daily reconciliation of a connection, as Temporal stores it. Throws ApiError `temporal-unavailable`. */
export interface ReconciliationScheduleGateway {
  find(ref: ConnectionRef): Promise<ReconciliationSchedule | null>;
  /** Creates or changes it. */
  put(
    connection: ConnectionRef & { readonly provider: ProviderId },
    settings: ReconciliationScheduleSettings,
  ): Promise<void>;
  /** Returns false when there is none. */
  delete(ref: ConnectionRef): Promise<boolean>;
}

/** Spreads the load of many venues, since most choose a full hour. */
const JITTER_MS = 10 * 60_000;

export function createReconciliationScheduleGateway(options: StarterAccess): ReconciliationScheduleGateway {
  const call = <T>(work: (client: Client) => Promise<T>): Promise<T> => callTemporal(options, work);

  async function onHandle<T>({ connectionId }: ConnectionRef, work: (handle: ScheduleHandle) => Promise<T>) {
    try {
      return await call(({ schedule }) => work(schedule.getHandle(reconciliationScheduleId(connectionId))));
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    }
  }

  return {
    find: (ref) => onHandle(ref, async (handle) => presentable(await handle.describe())),

    async put(connection, settings) {
      const { venueId, connectionId, provider } = connection;
      const definition = definitionOf(connection, settings, options.providerName(provider));
      const state = { paused: settings.paused };
      try {
        await call(({ schedule }) =>
          schedule.create({
            ...definition,
            scheduleId: reconciliationScheduleId(connectionId),
            memo: { venueId },
            state,
          }),
        );
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await onHandle(connection, (handle) => handle.update(() => ({ ...definition, state })));
      }
    },

    delete: async (ref) => (await onHandle(ref, (handle) => handle.delete().then(() => true))) ?? false,
  };
}

function definitionOf(
  { venueId, connectionId, provider }: ConnectionRef & { readonly provider: ProviderId },
  { hour, minute, timeZone, days }: ReconciliationScheduleSettings,
  providerName: string,
): Pick<ScheduleOptions, 'spec' | 'policies' | 'typedSearchAttributes'> & {
  readonly action: ScheduleOptions['action'] & { readonly type: 'startWorkflow' };
} {
  const input: ReconcileConnectionInput = {
    ...{ venueId, connectionId, provider },
    reconciliationId: null,
    lastDays: days,
  };
  const typedSearchAttributes = keywordAttributes({
    VenueId: venueId,
    Provider: provider,
    ConnectionId: connectionId,
    Resource: 'transactions',
  });
  return {
    spec: { calendars: [{ hour, minute }], timezone: timeZone, jitter: JITTER_MS },
    policies: SCHEDULE_POLICIES,
    typedSearchAttributes,
    action: {
      type: 'startWorkflow' as const,
      workflowType: RECONCILE_CONNECTION,
      // Temporal appends the time to this id.
      workflowId: `${RECONCILIATION_SCHEDULE}/${connectionId}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      staticSummary: `${providerName}: reconcile transactions`,
      typedSearchAttributes,
      // The SDK sends a schedule's priority, but its type lacks the field.
      ...{ priority: { priorityKey: PRIORITY.bulk, fairnessKey: venueId } },
    },
  };
}

function presentable({ spec, state, info, action }: ScheduleDescription): ReconciliationSchedule {
  const [input = {}] = (action.args ?? []) as readonly Partial<ReconcileConnectionInput>[];
  return {
    at: clockTimeOf(spec),
    timeZone: spec.timezone ?? 'UTC',
    days: input.lastDays ?? 1,
    paused: state.paused,
    nextRuns: state.paused ? [] : info.nextActionTimes.slice(0, 3),
  };
}

function clockTimeOf({ calendars = [] }: ScheduleDescription['spec']): ReconciliationSchedule['at'] {
  const [calendar, ...others] = calendars;
  const [hour] = calendar?.hour ?? [];
  const [minute] = calendar?.minute ?? [];
  return hour && minute && others.length === 0 ? { hour: hour.start, minute: minute.start } : null;
}
