import type { Resource } from '../../contracts/providers.ts';
import type { Connection } from '../../db/connections/connection-store.ts';
import type { ScheduleStore } from '../../db/runs/schedule-store.ts';
import { defaultJitterMs } from '../../domain/schedule/schedule-timing.ts';
import { DEFAULT_TIMING, withoutDefaultSchedule } from '../../domain/schedule/scheduled-sync.ts';
import type { Providers } from '../../providers/providers.ts';
import { countLimit } from '../../telemetry/metrics.ts';
import type { Log } from '../http/log.ts';
import { describeError } from '../errors/outage.ts';
import type { ScheduleGateway } from '../temporal/schedule-gateway.ts';

/** The schedules that every connection starts with. */
export interface DefaultSchedules {
  /**
   * Makes those that the connection has never had: an hourly pull of each resource that can be pulled, the first after an hour. What is
   * there stays as it is, what was deleted stays deleted, and what found no room in the venue's cap is left to a person. Never throws: what could not be made is made when it is called again.
   */
  ensure(connection: Connection): Promise<void>;
}

const NO_ROOM = 'a default schedule was not made: the venue has as many schedules as it may have';

export interface DefaultSchedulesDeps {
  readonly providers: Providers;
  readonly schedules: ScheduleStore;
  readonly scheduleGateway: ScheduleGateway;
  readonly log: Log;
}

export function createDefaultSchedules({
  providers,
  schedules,
  scheduleGateway,
  log,
}: DefaultSchedulesDeps): DefaultSchedules {
  const make = async ({ id: connectionId, venueId, provider }: Connection, resource: Resource): Promise<void> => {
    const key = { venueId, connectionId, provider, resource, direction: 'pull' } as const;
    await scheduleGateway.create(key, { timing: DEFAULT_TIMING, jitterMs: defaultJitterMs(DEFAULT_TIMING) });
    await schedules.noteScheduled(key, resource);
  };

  return {
    async ensure(connection) {
      const { id: connectionId, venueId, provider, state } = connection;
      if (state !== 'active') return;
      try {
        const known = await schedules.listScheduled({ venueId, connectionId });
        const missing = withoutDefaultSchedule(providers.find(provider)?.capabilities, known);
        if (missing.length === 0) return;
        const ref = { venueId, connectionId };
        const roomy = await schedules.reserve(ref, missing);
        await Promise.all(roomy.map((resource) => make(connection, resource)));
        for (const resource of missing.filter((one) => !roomy.includes(one))) {
          countLimit('schedule-limit-reached');
          log.warn({ ...ref, resource, limit: 'schedule-limit-reached' }, NO_ROOM);
          await schedules.noteScheduled(ref, resource);
        }
      } catch (error) {
        log.warn(
          { venueId, connectionId, error: describeError(error) },
          'default schedules could not be made; the next change of one of its schedules makes them',
        );
      }
    },
  };
}
