import { sql } from 'drizzle-orm';
import { MANY_DELETIONS } from '../../contracts/inbox.ts';
import type { WebhookEffectKind } from '../../contracts/inbox.ts';
import type { ConnectionRef, RecordId, WebhookEventId } from '../../contracts/ids.ts';
import type { ConnectionState, ProviderId, Resource } from '../../contracts/providers.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { EVENT_DELETIONS_WINDOW_MS, needsApproval } from '../../domain/sync/pull/blast-radius.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { AccountRef } from '../connections/account-connections.ts';
import { timeZoneOfStored } from '../../domain/schedule/time-zone.ts';
import { historyStart } from '../connections/reach-store.ts';
import { textList } from '../core/rows-by-column.ts';
import { runPrepared, statement } from '../core/statement.ts';
import { moveToVenue, together, withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { DEFAULTS } from '../mappings/mapping-store.ts';
import type { ChosenMappings } from '../mappings/mapping-store.ts';
import { announceChanges } from '../outgoing/announcements.ts';
import { applyReadings } from '../pull/event-readings.ts';
import type { AppliedReading, EventReading } from '../pull/event-readings.ts';
import type { StoreEach } from '../pull/rejections.ts';
import { creationsInFlight } from '../records/creations-in-flight.ts';
import { amendRecords, idsWithoutRecord } from '../records/record-references.ts';
import type { Amendment } from '../records/record-references.ts';
import { NO_RUN, scopeWithKind } from '../runs/run-scope.ts';
import type { RunScope } from '../runs/run-scope.ts';

/** A resource that a connection pulls from an account. */
export interface EventTarget extends ConnectionRef {
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: 'pull' | 'both';
  /** Of those that the grant opens; null: all. */
  readonly accounts: readonly string[] | null;
  /** What the venue has chosen for it. */
  readonly chosen: ChosenMappings;
}

/** A resource that a connection pulls from an account and that cannot take events now. */
export interface AwayTarget extends Pick<EventTarget, 'venueId' | 'connectionId' | 'provider' | 'resource'> {
  /** Why it cannot. */
  readonly state: AwayState;
}

/** States of a connection that comes back: what it misses meanwhile is handled then. */
type AwayState = Extract<ConnectionState, 'suspended' | 'needs-reauth'>;

/** What connections of any venue pull from an account. */
export interface AccountTargets {
  readonly usable: readonly EventTarget[];
  readonly away: readonly AwayTarget[];
}

/** What events told of a target's resource, under the venue's mapping. */
export interface TargetReadings {
  readonly target: EventTarget;
  readonly account: AccountRef;
  readonly mapping: NonNullable<RunScope['mapping']>;
  readonly readings: readonly EventReading[];
  readonly amendments: readonly Amendment[];
}

/** What an event did to a record of a target. */
export interface RecordEffect {
  readonly eventId: WebhookEventId;
  readonly target: Pick<EventTarget, 'venueId' | 'connectionId' | 'resource'>;
  readonly kind: WebhookEffectKind;
  readonly recordId: RecordId | null;
  readonly reason: string | null;
}

/** An object that an event asks to read. */
export interface AskedObject {
  readonly externalId: string;
  readonly eventId: WebhookEventId;
}

/** What events change. Crosses venues: never return what it reads to a caller. */
export interface EventRecordStore {
  /** For each account the resources that connections of any venue pull from it. */
  findTargets(accounts: readonly AccountRef[]): Promise<readonly AccountTargets[]>;
  /** The provider's ids of records that amendments are about and that the target does not have. */
  listUnknown(target: EventTarget, amendments: readonly Amendment[]): Promise<readonly string[]>;
  /**
   * Which of these objects, each told of by an event, have no record and may have been made by a creation of ours that
   * was sent before the event came and whose answer is not stored yet.
   */
  listAwaited(target: EventTarget, asked: readonly AskedObject[]): Promise<readonly AskedObject[]>;
  /** Applies readings to one target's records, in the caller's transaction. An object that the database refuses is `skipped`. */
  apply(tx: Transaction, storeEach: StoreEach, told: TargetReadings): Promise<readonly AppliedReading[]>;
  /** Resources of any venue of which no full run has begun since events were kept from deleting many records. */
  listHeldDeletions(limit: number): Promise<readonly SyncKey[]>;
  /** Stores what events did, in the caller's transaction. */
  noteEffects(tx: Transaction, effects: readonly RecordEffect[]): Promise<void>;
}

export function createEventRecordStore(db: Database, kinds: RecordKinds): EventRecordStore {
  return {
    findTargets: (accounts) => findTargets(db, accounts),

    listUnknown: ({ venueId, connectionId, resource }, amendments) =>
      withVenue(db, venueId, (tx) => idsWithoutRecord(tx, { connectionId, kind: kinds.get(resource) }, amendments)),

    listAwaited: ({ venueId, connectionId, resource }, asked) =>
      withVenue(db, venueId, async (tx) => {
        const objects = asked.map(({ externalId, eventId }) => ({ external_id: externalId, event_id: eventId }));
        const rows = await tx.execute<{ external_id: string; event_id: WebhookEventId }>(sql`
          with sent as materialized (${creationsInFlight({ connectionId, resource })})
          select asked.external_id, asked.event_id
          from sent cross join jsonb_to_recordset(${JSON.stringify(objects)}::jsonb) as asked(external_id text, event_id uuid)
          join webhook_events event on event.id = asked.event_id
          where event.received_at >= sent.first_at and not exists (select from record_links known
            where known.connection_id = ${connectionId} and known.resource = ${resource} and known.external_id = asked.external_id)`);
        return rows.map((row) => ({ externalId: row.external_id, eventId: row.event_id }));
      }),

    async apply(tx, storeEach, told) {
      // The first statement of the readings is sent without waiting.
      const [, applied] = await together(
        moveToVenue(tx, told.target.venueId),
        applyInVenue({ tx, storeEach, kinds }, told),
      );
      return applied;
    },

    listHeldDeletions: (limit) =>
      // Without a venue scope: only the database function sees all venues.
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<{
          venue_id: SyncKey['venueId'];
          connection_id: SyncKey['connectionId'];
          provider: ProviderId;
          resource: Resource;
          direction: SyncKey['direction'];
        }>(sql`select * from resources_with_held_deletions(${HELD_DAYS}, ${limit}::integer)`);
        return rows.map(({ venue_id: venueId, connection_id: connectionId, ...sync }) => ({
          ...{ venueId, connectionId },
          ...sync,
        }));
      }),

    async noteEffects(tx, effects) {
      for (const [venueId, own] of Map.groupBy(effects, ({ target }) => target.venueId)) {
        const rows = own.map(({ eventId, target, kind, recordId, reason }) => ({
          ...{ event_id: eventId, connection_id: target.connectionId, resource: target.resource },
          ...{ kind, record_id: recordId, reason },
        }));
        const noting = tx.execute(sql`
          insert into webhook_event_effects (event_id, venue_id, connection_id, kind, resource, record_id, reason)
          select distinct r.event_id, ${venueId}::uuid, r.connection_id, r.kind, r.resource, r.record_id, r.reason
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(event_id uuid, connection_id uuid, kind text, resource text, record_id uuid, reason text)
          on conflict on constraint webhook_event_effects_once do update set at = now()`);
        await together(moveToVenue(tx, venueId), noting.execute());
      }
    },
  };
}

/** Applies readings where row-level security shows the target's venue. */
async function applyInVenue(
  { tx, storeEach, kinds }: { readonly tx: Transaction; readonly storeEach: StoreEach; readonly kinds: RecordKinds },
  { target, account, mapping, readings, amendments }: TargetReadings,
): Promise<readonly AppliedReading[]> {
  const { venueId, connectionId, provider, resource, direction } = target;
  const key = { venueId, connectionId, provider, resource, direction };
  const scope = scopeWithKind({ ...key, account, mapping, syncId: NO_RUN, mode: 'incremental', fence: 0 }, kinds);
  const held = await heldAmong(tx, target, readings);
  const carriedOut = readings.filter((reading) => !held.has(reading));
  const stored = await storeEach(carriedOut, (sp, part) => applyReadings(sp, scope, part));
  await storeEach(amendments, (sp, part) => amendRecords(sp, scope, part));
  const refused = stored.refused.map(({ item }): AppliedReading => ({
    externalId: item.pulled.externalId,
    recordId: null,
    did: 'skipped',
    reason: 'not-storable',
  }));
  const applied = stored.results.flat();
  const count = (what: AppliedReading['did']) => applied.filter(({ did }) => did === what).length;
  const counts = { created: count('created'), updated: count('updated'), archived: count('deleted') };
  await announceChanges(tx, scope, counts);
  return [...applied, ...refused, ...held.values()];
}

interface TargetRow {
  readonly no: number;
  readonly venue_id: EventTarget['venueId'];
  readonly connection_id: EventTarget['connectionId'];
  readonly resource: Resource;
  readonly direction: EventTarget['direction'];
  readonly chosen_accounts: readonly string[] | null;
  /** Null: nothing is saved. */
  readonly mapping_version: number | null;
  readonly mapping_definition: ChosenMappings['stored']['definition'] | null;
  readonly excluded_fields: readonly string[] | null;
  readonly history_from: string | null;
  readonly time_zone: string;
  readonly away: null;
}

/** Without what only a connection is asked for that can be used. */
type AwayRow = Pick<TargetRow, 'no' | 'venue_id' | 'connection_id' | 'resource'> & { readonly away: AwayState };

const { placeholder } = sql;

/** Needs no venue's scope: the functions of the database see all venues. */
const FIND_TARGETS = statement<TargetRow | AwayRow>(sql`
  select account.no::integer - 1 as no, target.*, null as away
  from rows from (jsonb_to_recordset(${placeholder('accounts')}::text::jsonb) as (provider text, environment text, id text)) with ordinality
    as account(provider, environment, id, no)
  cross join lateral event_targets(account.provider, account.environment, account.id) target
  union all
  select no, venue_id, connection_id, resource, null, null, null, null, null, null, null, state
  from away_event_targets(${placeholder('accounts')}::text::jsonb)`);

async function findTargets(db: Database, accounts: readonly AccountRef[]): Promise<readonly AccountTargets[]> {
  if (accounts.length === 0) return [];
  const asked = accounts.map(({ provider, environment, externalAccountId: id }) => ({ provider, environment, id }));
  const rows = await runPrepared(db.$client, FIND_TARGETS, { accounts: JSON.stringify(asked) });
  const byAccount = Map.groupBy(rows, ({ no }) => no);
  return accounts.map(({ provider }, no) => {
    const usable: EventTarget[] = [];
    const away: AwayTarget[] = [];
    for (const row of byAccount.get(no) ?? []) {
      const { venue_id: venueId, connection_id: connectionId, resource } = row;
      const target = { venueId, connectionId, provider, resource };
      if (row.away !== null) away.push({ ...target, state: row.away });
      else usable.push({ ...target, direction: row.direction, accounts: row.chosen_accounts, chosen: chosenIn(row) });
    }
    return { usable, away };
  });
}

const chosenIn = (row: Omit<TargetRow, 'resource' | 'direction'>): ChosenMappings => ({
  stored:
    row.mapping_version === null || row.mapping_definition === null
      ? DEFAULTS
      : { version: row.mapping_version, definition: row.mapping_definition },
  reach: {
    excludedFields: row.excluded_fields ?? [],
    historyFromEpochS: historyStart(row.history_from, row.time_zone),
    // Events bring what providers tell, which has days and no moments.
    zones: { timeZone: timeZoneOfStored(row.time_zone), earlier: [] },
  },
});

/** Held deletions are looked for this far back: bodies of events expire by then, and a full run has long been due. */
const HELD_DAYS = 30;

/**
 * Deletions that wait because together with those of the last hour they are more than a run may carry out by itself,
 * with what is told of them. They change nothing until a run has read them, which asks a person.
 */
async function heldAmong(
  tx: Transaction,
  { connectionId, resource }: EventTarget,
  readings: readonly EventReading[],
): Promise<ReadonlyMap<EventReading, AppliedReading>> {
  const deletions = readings.filter(({ pulled }) => pulled.deleted && !pulled.superseded);
  if (deletions.length === 0) return new Map();
  const ids = [...new Set(deletions.map(({ pulled }) => pulled.externalId))];
  const rows = await tx.execute<{ external_id: string; record_id: RecordId }>(sql`
    select external_id, record_id from record_links where connection_id = ${connectionId} and resource = ${resource}
      and state in ('linked', 'rejected') and external_id = any (${textList(ids)})`);
  if (rows.length === 0) return new Map();
  const [lately] = await tx.execute<{ count: number }>(sql`
    select count(distinct record_id)::int as count from webhook_event_effects where connection_id = ${connectionId} and resource = ${resource}
      and kind = 'deleted' and at > now() - ${EVENT_DELETIONS_WINDOW_MS}::integer * interval '1 millisecond'`);
  const recent = lately?.count ?? 0;
  const archiving = recent + rows.length;
  // Most deletions are so few that they need no approval whatever there is besides, so that all need not be counted.
  if (!needsApproval({ archiving, of: archiving })) return new Map();
  const [linked] = await tx.execute<{ count: number }>(sql`
    select count(*)::int as count from record_links where connection_id = ${connectionId} and resource = ${resource}
      and external_id is not null and state in ('linked', 'rejected')`);
  if (!needsApproval({ archiving, of: recent + (linked?.count ?? 0) })) return new Map();
  const recordOf = new Map(rows.map((row) => [row.external_id, row.record_id]));
  return new Map(
    deletions.flatMap((reading) => {
      const { externalId } = reading.pulled;
      const recordId = recordOf.get(externalId);
      return recordId === undefined
        ? []
        : [[reading, { externalId, recordId, did: 'skipped', reason: MANY_DELETIONS }] as const];
    }),
  );
}
