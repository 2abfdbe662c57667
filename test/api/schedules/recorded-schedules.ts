import type { Resource } from '../../../contracts/providers.ts';
import { DEFAULT_FULL_EVERY_MS } from '../../../domain/sync/full-pass.ts';
import { scheduleId } from '../../../contracts/sync.ts';
import type { SyncKey } from '../../../contracts/sync.ts';
import { ApiError } from '../../../api/errors/api-error.ts';
import type {
  Schedule,
  ScheduleGateway,
  ScheduleRef,
  ScheduleSettings,
} from '../../../api/temporal/schedule-gateway.ts';

interface Kept extends ScheduleSettings {
  readonly resource: Resource;
  readonly direction: SyncKey['direction'];
}

/** In-memory replacement for Temporal's schedules. Never runs one, and can simulate that Temporal is away. */
export class RecordedSchedules implements ScheduleGateway {
  readonly kept = new Map<string, Kept>();
  away = false;

  async find(ref: ScheduleRef): Promise<Schedule | null> {
    const kept = this.#get(ref);
    return kept
      ? {
          ...kept,
          fullEveryMs: kept.fullEveryMs === undefined ? DEFAULT_FULL_EVERY_MS : kept.fullEveryMs,
          paused: kept.paused ?? false,
          note: kept.note ?? null,
          nextRuns: [],
          lastRuns: [],
        }
      : null;
  }

  async create(key: SyncKey, settings: ScheduleSettings): Promise<void> {
    if (!this.#get(key)) await this.put(key, settings);
  }

  async put(key: SyncKey, settings: ScheduleSettings): Promise<void> {
    this.#get(key);
    this.kept.set(scheduleId(key.connectionId, key.resource), {
      ...settings,
      resource: key.resource,
      direction: key.direction,
    });
  }

  async setPaused(ref: ScheduleRef, paused: boolean): Promise<boolean> {
    const kept = this.#get(ref);
    if (kept) this.kept.set(scheduleId(ref.connectionId, ref.resource), { ...kept, paused });
    return kept !== undefined;
  }

  async trigger(ref: ScheduleRef): Promise<boolean> {
    return this.#get(ref) !== undefined;
  }

  async delete(ref: ScheduleRef): Promise<boolean> {
    this.#get(ref);
    return this.kept.delete(scheduleId(ref.connectionId, ref.resource));
  }

  #get({ connectionId, resource }: ScheduleRef): Kept | undefined {
    if (this.away)
      throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', {
        retryAfterMs: 2_000,
      });
    return this.kept.get(scheduleId(connectionId, resource));
  }
}
