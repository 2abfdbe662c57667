import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleHandle, ScheduleOptions } from '@temporalio/client';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import { scheduleId } from '../../contracts/sync.ts';
import type { ScheduledSyncInput, ScheduledSyncMemo, SyncKey } from '../../contracts/sync.ts';
import { DEFAULT_FULL_EVERY_MS } from '../../domain/sync/full-pass.ts';
import type { ScheduleTiming } from '../../domain/schedule/schedule-timing.ts';
import { SCHEDULE_POLICIES, scheduledAction } from '../../domain/schedule/scheduled-sync.ts';
import { keywordAttributes } from '../../domain/sync/search-attributes.ts';
import { syncKeywords } from '../../domain/sync/sync-labels.ts';
import { invalidRequest } from '../http/parse.ts';
import { specOf, timingOf } from './schedule-spec-gateway.ts';
import { callTemporal, temporalUnavailable } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

export interface ScheduleRef extends ConnectionRef {
  readonly resource: Resource;
}

export interface ScheduleSettings {
  readonly timing: ScheduleTiming;
  /** Each run comes up to this much later: it spreads the load of many venues. */
  readonly jitterMs: number;
  /** Null: never. Undefined: stays as it is; for a new schedule the default. */
  readonly fullEveryMs?: number | null | undefined;
  /** Undefined: stays as it is; a new schedule is not paused. */
  readonly paused?: boolean | undefined;
  /** Undefined: stays as it is. */
  readonly note?: string | null | undefined;
}

export interface Schedule {
  readonly resource: Resource;
  readonly direction: SyncKey['direction'];
  /** Null: somebody has given it other times in the Temporal Web UI. */
  readonly timing: ScheduleTiming | null;
  readonly jitterMs: number;
  /** How often a run goes through everything; null: never. */
  readonly fullEveryMs: number | null;
  readonly paused: boolean;
  readonly note: string | null;
  /** None while it is paused. */
  readonly nextRuns: readonly Date[];
  /** Newest first. */
  readonly lastRuns: readonly ({ readonly at: Date } & ScheduledSyncMemo)[];
}

/**
 * Schedules as Temporal keeps them. Every method throws ApiError `temporal-unavailable` within its deadline when Temporal does not answer;
 * repeating it is safe. Ids name no venue: ask only for connections that are known to be the venue's.
 */
export interface ScheduleGateway {
  find(ref: ScheduleRef): Promise<Schedule | null>;
  /** Makes the schedule, unless there is one: then that stays as it is. */
  create(key: SyncKey, settings: ScheduleSettings): Promise<void>;
  /** Makes or changes the schedule. An unchanged interval keeps its times. */
  put(key: SyncKey, settings: ScheduleSettings): Promise<void>;
  /** False when there is no such schedule; so do the next two. */
  setPaused(ref: ScheduleRef, paused: boolean): Promise<boolean>;
  /** Starts a run now, also of a paused schedule, unless one is on. */
  trigger(ref: ScheduleRef): Promise<boolean>;
  delete(ref: ScheduleRef): Promise<boolean>;
}

const MAX_RUNS_SHOWN = 5;
/** Open runs are listed first, whenever they began. */
const RUNS_LOOKED_AT = 10;
const MAX_PUT_ATTEMPTS = 3;
/** Temporal wants a note with every pause and resumption. Nobody's own words: not shown. */
const OWN_NOTES = { paused: 'Paused over the API', resumed: 'Resumed over the API' } as const;

export function createScheduleGateway(options: StarterAccess): ScheduleGateway {
  return new TemporalScheduleGateway(options);
}

class TemporalScheduleGateway implements ScheduleGateway {
  readonly #options: StarterAccess;

  constructor(options: StarterAccess) {
    this.#options = options;
  }

  async find(ref: ScheduleRef): Promise<Schedule | null> {
    const [description, lastRuns] = await Promise.all([
      this.#onHandle(ref, (handle) => handle.describe()),
      this.#listRuns(ref),
    ]);
    return description && { ...presentable(description, ref.resource), lastRuns };
  }

  async create(key: SyncKey, settings: ScheduleSettings): Promise<void> {
    await this.#tryCreate(key, settings);
  }

  async put(key: SyncKey, settings: ScheduleSettings): Promise<void> {
    for (let attempt = 0; attempt < MAX_PUT_ATTEMPTS; attempt += 1) {
      if (await this.#tryCreate(key, settings)) return;
      const updated = await this.#onHandle(key, async (handle) => {
        await handle.update((previous) => ({
          ...this.#definitionOf(key, settings, previous),
          state: stateOf(settings, previous),
        }));
        return true;
      });
      if (updated !== null) return;
    }
    throw temporalUnavailable('The schedule is being made and deleted at the same time.');
  }

  async setPaused(ref: ScheduleRef, paused: boolean): Promise<boolean> {
    const done = await this.#onHandle(ref, async (handle) => {
      const { state } = await handle.describe();
      if (state.paused === paused) return true;
      await (paused
        ? handle.pause(noteOf(state.note) ?? OWN_NOTES.paused)
        : handle.unpause(noteOf(state.note) ?? OWN_NOTES.resumed));
      return true;
    });
    return done ?? false;
  }

  async trigger(ref: ScheduleRef): Promise<boolean> {
    return (await this.#onHandle(ref, (handle) => handle.trigger('SKIP').then(() => true))) ?? false;
  }

  async delete(ref: ScheduleRef): Promise<boolean> {
    return (await this.#onHandle(ref, (handle) => handle.delete().then(() => true))) ?? false;
  }

  /** False when there is a schedule of this id already. */
  async #tryCreate(key: SyncKey, settings: ScheduleSettings): Promise<boolean> {
    const { paused = false, note } = settings;
    const definition = this.#definitionOf(key, settings, null);
    const state = { paused, ...(note ? { note } : {}) };
    try {
      const { venueId, connectionId, resource } = key;
      await this.#call(({ schedule }) =>
        schedule.create({ ...definition, scheduleId: scheduleId(connectionId, resource), memo: { venueId }, state }),
      );
      return true;
    } catch (error) {
      if (error instanceof ScheduleAlreadyRunning) return false;
      throw error;
    }
  }

  #definitionOf(
    key: SyncKey,
    { timing, jitterMs, fullEveryMs }: ScheduleSettings,
    previous: ScheduleDescription | null,
  ): Pick<ScheduleOptions, 'spec' | 'action' | 'policies' | 'typedSearchAttributes'> {
    const kept = fullEveryMs === undefined && previous ? inputOf(previous).fullEveryMs : fullEveryMs;
    const action = scheduledAction(key, {
      providerName: this.#options.providerName(key.provider),
      ...(kept !== undefined && { fullEveryMs: kept }),
    });
    const typedSearchAttributes = keywordAttributes(syncKeywords(key));
    return {
      spec: specOf(timing, jitterMs, { now: new Date(), previous: previous?.spec ?? null }),
      policies: SCHEDULE_POLICIES,
      typedSearchAttributes,
      action: { ...action, typedSearchAttributes },
    };
  }

  #listRuns({ connectionId, resource }: ScheduleRef): Promise<Schedule['lastRuns']> {
    const query = `TemporalScheduledById = "${scheduleId(connectionId, resource)}"`;
    return this.#call(async ({ workflow }) => {
      const runs: Schedule['lastRuns'][number][] = [];
      for await (const { startTime, memo } of workflow.list({ query, pageSize: RUNS_LOOKED_AT })) {
        const { syncId = null, skipped = null } = (memo ?? {}) as Partial<ScheduledSyncMemo>;
        runs.push({ at: startTime, syncId, skipped });
        if (runs.length === RUNS_LOOKED_AT) break;
      }
      return runs.sort((one, other) => other.at.getTime() - one.at.getTime()).slice(0, MAX_RUNS_SHOWN);
    });
  }

  /** Null when there is no such schedule. */
  async #onHandle<T>(
    { connectionId, resource }: ScheduleRef,
    work: (handle: ScheduleHandle) => Promise<T>,
  ): Promise<T | null> {
    try {
      return await this.#call(({ schedule }) => work(schedule.getHandle(scheduleId(connectionId, resource))));
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return null;
      throw error;
    }
  }

  async #call<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await callTemporal(this.#options, work);
    } catch (error) {
      // How the SDK hands on that the server refuses a schedule's times. Ours are made of checked numbers; only the zone is the server's own to know.
      if (error instanceof TypeError && /time zone/.test(error.message))
        throw invalidRequest([{ path: 'timeZone', message: 'The workflow service does not know this time zone' }]);
      throw error;
    }
  }
}

function inputOf({ action }: ScheduleDescription): Partial<ScheduledSyncInput> {
  const [input = {}] = (action.args ?? []) as readonly Partial<ScheduledSyncInput>[];
  return input;
}

function presentable(description: ScheduleDescription, resource: Resource): Omit<Schedule, 'lastRuns'> {
  const { spec, state, info } = description;
  const { direction = 'pull', fullEveryMs = DEFAULT_FULL_EVERY_MS } = inputOf(description);
  return {
    resource,
    direction,
    timing: timingOf(spec),
    jitterMs: spec.jitter ?? 0,
    fullEveryMs,
    paused: state.paused,
    note: noteOf(state.note),
    nextRuns: state.paused ? [] : info.nextActionTimes.slice(0, MAX_RUNS_SHOWN),
  };
}

function stateOf(
  { paused, note }: ScheduleSettings,
  { state }: ScheduleDescription,
): { readonly paused: boolean; readonly note?: string } {
  const kept = note === undefined ? state.note : note;
  return { paused: paused ?? state.paused, ...(kept ? { note: kept } : {}) };
}

function noteOf(note: string | undefined): string | null {
  return !note || Object.values<string>(OWN_NOTES).includes(note) ? null : note;
}
