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
  /** Each run starts up to this much later, to spread the load of many venues. */
  readonly jitterMs: number;
  /** Null for never. Undefined keeps the current value; a new schedule gets the default. */
  readonly fullEveryMs?: number | null | undefined;
  /** Undefined keeps the current value; a new schedule is not paused. */
  readonly paused?: boolean | undefined;
  /** Undefined keeps the current value. */
  readonly note?: string | null | undefined;
}

export interface Schedule {
  readonly resource: Resource;
  readonly direction: SyncKey['direction'];
  /** Null when the times were changed in the Temporal Web UI. */
  readonly timing: ScheduleTiming | null;
  readonly jitterMs: number;
  /** How often a run is a full pass; null for never. */
  readonly fullEveryMs: number | null;
  readonly paused: boolean;
  readonly note: string | null;
  /** Empty while the schedule is paused. */
  readonly nextRuns: readonly Date[];
  /** Newest first. */
  readonly lastRuns: readonly ({ readonly at: Date } & ScheduledSyncMemo)[];
}

/**
 * Schedules as Temporal stores them. Every method throws ApiError `temporal-unavailable` within its deadline when
 * Temporal does not answer, and is safe to repeat. Ids name no venue, so callers must check that the connection is the
 * venue's.
 */
export interface ScheduleGateway {
  find(ref: ScheduleRef): Promise<Schedule | null>;
  /** Creates the schedule; leaves an existing one unchanged. */
  create(key: SyncKey, settings: ScheduleSettings): Promise<void>;
  /** Creates or changes the schedule. An unchanged interval keeps its times. */
  put(key: SyncKey, settings: ScheduleSettings): Promise<void>;
  /** Returns false when there is no such schedule, as do the next two. */
  setPaused(ref: ScheduleRef, paused: boolean): Promise<boolean>;
  /** Starts a run now, even for a paused schedule, unless one is open. */
  trigger(ref: ScheduleRef): Promise<boolean>;
  delete(ref: ScheduleRef): Promise<boolean>;
}

const MAX_RUNS_SHOWN = 5;
/** Open runs come first, whenever they began. */
const RUNS_LOOKED_AT = 10;
const MAX_PUT_ATTEMPTS = 3;
/** Temporal requires a note for every pause and resumption. These are not a person's words, so they are not shown. */
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

  /** Returns false when a schedule with this id exists. */
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

  /** Returns null when there is no such schedule. */
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
      // The SDK's form of the server's refusal of a schedule's times. Our times are made of checked numbers, so only
      // the zone can be unknown to the server.
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
