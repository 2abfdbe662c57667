import { isDatabaseAway } from '../../db/core/outage.ts';
import type { AccountRef } from '../../db/connections/account-connections.ts';
import type { Transaction } from '../../db/core/venue-scope.ts';
import type { AppliedReading, EventReading } from '../../db/pull/event-readings.ts';
import type { StoreEach } from '../../db/pull/rejections.ts';
import type { EventRecordStore, EventTarget, RecordEffect } from '../../db/webhooks/event-record-store.ts';
import type { WebhookEventId } from '../../contracts/ids.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import type { Credentials } from '../connections/credentials.ts';
import { mappingsWith } from '../sync/resource-mappings.ts';
import type { TranslationDeps } from '../sync/resource-mappings.ts';
import { readRecord } from '../sync/pull/pulled-record.ts';
import { recordWithin } from '../sync/reach.ts';
import { askFor, workByTarget } from './event-work.ts';
import type { ChangeEvent, TargetReading, TargetWork } from './event-work.ts';
import { codeOf, isUnusable, pauseWhenUnasked } from './event-failures.ts';
import { readChanges } from './read-changes.ts';
import type { TargetMappings } from './read-changes.ts';

export interface RecordEventDeps extends TranslationDeps {
  readonly eventRecords: EventRecordStore;
  readonly credentials: Credentials;
}

/** How long the events of a batch are read again; a provider that hangs delays the next batch by no more. */
const READING_MS = 5_000;
const TARGETS_AT_ONCE = 4;
/** How long an event waits for the answer to a creation of ours that may have made its object. */
const WRITE_PAUSE_MS = 2_000;

interface PreparedWork extends TargetWork {
  readonly account: AccountRef;
  readonly mappings: TargetMappings;
}

/** The events of a batch that change records, on their way through the two transactions that a batch may take. */
export class RecordEvents {
  readonly #deps: RecordEventDeps;
  readonly #works: readonly PreparedWork[];
  /** Events that cannot be finished by what they told, with the reason of the last failure. */
  readonly #open = new Map<WebhookEventId, string | null>();
  /** Events that cannot be read yet, with the pause until they are handled again. */
  readonly #deferred = new Map<WebhookEventId, number>();

  private constructor(deps: RecordEventDeps, works: readonly PreparedWork[]) {
    this.#deps = deps;
    this.#works = works;
    for (const { ids, since } of works) {
      for (const events of ids.values()) for (const id of events) this.#open.set(id, null);
      for (const id of since?.events ?? []) this.#open.set(id, null);
    }
  }

  static prepare(
    deps: RecordEventDeps,
    events: readonly (ChangeEvent & { readonly account: AccountRef })[],
  ): RecordEvents {
    // All targets of an account hold the same events.
    const works = [...Map.groupBy(events, ({ account }) => account)].flatMap(([account, own]) =>
      workByTarget(own).map((work) => ({
        ...{ ...work, account },
        mappings: mappingsWith(deps, work.target, work.target.chosen),
      })),
    );
    return new RecordEvents(deps, works);
  }

  /** Events that have to be read at the provider before they are finished, with why the last reading failed. */
  get open(): ReadonlyMap<WebhookEventId, string | null> {
    return this.#open;
  }

  /** Events whose turn has not come, with the pause until they are handled again: that is no failure. */
  get deferred(): ReadonlyMap<WebhookEventId, number> {
    return this.#deferred;
  }

  /** Applies what the events told. An object of which something later may be known is left for `applyReadings`. */
  async applyTold(tx: Transaction, storeEach: StoreEach): Promise<void> {
    for (const work of this.#works) {
      if (work.told.length === 0) continue;
      const { readings, effects } = this.#readTold(work);
      const applied = await this.#apply({ tx, storeEach }, work, { readings, amendments: [] });
      const byId = new Map(applied.map((one) => [one.externalId, one]));
      for (const { eventId, record } of work.told) {
        const one = byId.get(record.externalId);
        if (!one) continue;
        if (one.did === 'doubtful') {
          askFor(work.ids, record.externalId, eventId);
          this.#open.set(eventId, null);
        } else effects.push(effectOf(eventId, work.target, one));
      }
      await this.#deps.eventRecords.noteEffects(tx, effects);
    }
  }

  #readTold({ told, target, mappings }: PreparedWork) {
    const effects: RecordEffect[] = [];
    const readings = told.flatMap(({ record, doubtfulFrom, eventId }): EventReading[] => {
      const read = readRecord(recordWithin(record, mappings.reach), mappings);
      if (read.record) return [{ pulled: read.record, doubtfulFrom, askedAtMs: null }];
      effects.push({ eventId, target, kind: 'skipped', recordId: null, reason: read.rejection.code });
      return [];
    });
    return { readings, effects };
  }

  #apply(
    { tx, storeEach }: { readonly tx: Transaction; readonly storeEach: StoreEach },
    { target, account, mappings }: PreparedWork,
    told: Pick<TargetReading, 'readings' | 'amendments'>,
  ): Promise<readonly AppliedReading[]> {
    return this.#deps.eventRecords.apply(tx, storeEach, { target, account, mapping: mappings.fieldMapping, ...told });
  }

  /** Reads what is left at the provider, outside any transaction. Returns what to do in the next one. */
  async read(): Promise<(tx: Transaction, storeEach: StoreEach) => Promise<void>> {
    const signal = AbortSignal.timeout(READING_MS);
    for (const work of this.#works) await this.#deferOwnWrites(work);
    const wanting = this.#works.filter(({ ids, since }) => ids.size > 0 || since !== null);
    const read = await fewAtATime(wanting, TARGETS_AT_ONCE, async (work) => ({
      work,
      reading: await readChanges(this.#deps, work, { mappings: work.mappings, signal }),
    }));
    for (const { reading } of read)
      for (const cause of [...reading.failed.values(), reading.sinceFailure?.cause])
        if (isDatabaseAway(cause)) throw cause;
    return async (tx, storeEach) => {
      this.#open.clear();
      for (const { work, reading } of read) await this.#applyRead({ tx, storeEach }, work, reading);
    };
  }

  /**
   * Leaves objects for later that may be those of creations whose answers are not stored yet: where a provider's objects
   * carry no id of ours, they would become records of their own.
   */
  async #deferOwnWrites({ target, ids }: PreparedWork): Promise<void> {
    if (ids.size === 0) return;
    const asked = [...ids].flatMap(([externalId, events]) => [...events].map((eventId) => ({ externalId, eventId })));
    for (const { externalId } of await this.#deps.eventRecords.listAwaited(target, asked)) {
      for (const eventId of ids.get(externalId) ?? []) this.#deferred.set(eventId, WRITE_PAUSE_MS);
      ids.delete(externalId);
    }
  }

  async #applyRead(
    at: { readonly tx: Transaction; readonly storeEach: StoreEach },
    work: PreparedWork,
    reading: TargetReading,
  ): Promise<void> {
    const applied = await this.#apply(at, work, reading);
    const effects = [...this.#failuresOf(work, reading), ...this.#effectsOf(work, reading, applied)];
    await this.#deps.eventRecords.noteEffects(at.tx, effects);
  }

  /** Notes events whose objects could not be read now, and returns those for which another attempt would change nothing. */
  #failuresOf({ target, ids, since }: PreparedWork, reading: TargetReading): readonly RecordEffect[] {
    const { failed, rejected, sinceFailure } = reading;
    const effects: RecordEffect[] = [];
    const skip = (eventId: WebhookEventId, reason: string) => {
      effects.push({ eventId, target, kind: 'skipped', recordId: null, reason });
    };
    const fail = (events: Iterable<WebhookEventId>, cause: unknown) => {
      const pauseMs = pauseWhenUnasked(cause);
      for (const eventId of events) {
        if (isUnusable(cause)) skip(eventId, codeOf(cause));
        else if (pauseMs !== null) this.#deferred.set(eventId, pauseMs);
        else this.#open.set(eventId, codeOf(cause));
      }
    };
    for (const [externalId, cause] of failed) fail(ids.get(externalId) ?? [], cause);
    for (const [externalId, code] of rejected) for (const eventId of ids.get(externalId) ?? []) skip(eventId, code);
    if (since && sinceFailure) fail(since.events, sinceFailure.cause);
    return effects;
  }

  #effectsOf(
    { target, ids, since }: PreparedWork,
    { askedBy }: Pick<TargetReading, 'askedBy'>,
    applied: readonly AppliedReading[],
  ): readonly RecordEffect[] {
    const eventsOf = (externalId: string): Iterable<WebhookEventId> => {
      const asked = [externalId, ...(askedBy.get(externalId) ?? [])].flatMap((id) => ids.get(id) ?? []);
      return asked.length === 0 ? (since?.events ?? []) : new Set(asked.flatMap((events) => [...events]));
    };
    return applied.flatMap((one) =>
      [...eventsOf(one.externalId)].flatMap((eventId) => {
        if (one.did !== 'doubtful') return [effectOf(eventId, target, one)];
        this.#open.set(eventId, 'changed-meanwhile');
        return [];
      }),
    );
  }
}

function effectOf(
  eventId: WebhookEventId,
  target: EventTarget,
  { did, recordId, reason }: AppliedReading,
): RecordEffect {
  const kind = did === 'doubtful' ? 'skipped' : did;
  return { eventId, target, kind, recordId, reason };
}
