import type { RecordId, WebhookEventId } from '../../contracts/ids.ts';
import type { EventReading } from '../../db/pull/event-readings.ts';
import type { EventTarget } from '../../db/webhooks/event-record-store.ts';
import type { EventChange, ToldObject } from '../../providers/kit/webhook-definition.ts';
import type { ProviderAmendment } from '../../providers/provider.ts';

/** An event that changes records, with what it says. */
export interface ChangeEvent {
  readonly id: WebhookEventId;
  readonly changes: readonly EventChange[];
  readonly targets: readonly EventTarget[];
}

/** What events of a batch say about one target's resource. */
export interface TargetWork {
  readonly target: EventTarget;
  /** Objects that events told, each with its event. */
  readonly told: readonly (ToldObject & { readonly eventId: WebhookEventId })[];
  /** Objects to read, with the events that ask for it: each is read once. */
  readonly ids: Map<string, Set<WebhookEventId>>;
  /** Lists to read, with the events that ask for it; null when none does. */
  readonly since: SinceWork | null;
}

export interface SinceWork {
  readonly streams: ReadonlySet<string>;
  readonly sinceEpochS: number;
  readonly events: ReadonlySet<WebhookEventId>;
}

/** What was read at the provider for one target. */
export interface TargetReading {
  readonly readings: readonly EventReading[];
  readonly amendments: readonly ProviderAmendment[];
  /** The ids that objects were asked for by, where an event names them by another id than their records: by the record's. */
  readonly askedBy: ReadonlyMap<string, ReadonlySet<string>>;
  /** Objects that cannot be read as a record, by the id that was asked for, with the code of the rejection. */
  readonly rejected: ReadonlyMap<string, string>;
  /** Objects that could not be read now. */
  readonly failed: ReadonlyMap<string, unknown>;
  /** Why the lists could not be read now; null when they were, or none was asked for. */
  readonly sinceFailure: { readonly cause: unknown } | null;
}

export interface EventEffect {
  readonly eventId: WebhookEventId;
  readonly recordId: RecordId | null;
}

/** Sorts what events say by target. */
export function workByTarget(events: readonly ChangeEvent[]): readonly TargetWork[] {
  const works = new Map<string, Mutable>();
  for (const { id, changes, targets } of events)
    for (const target of targets) {
      const own = changes.filter(({ resource }) => resource === target.resource);
      if (own.length === 0) continue;
      const key = `${target.connectionId}/${target.resource}`;
      const work = works.get(key) ?? { target, told: [], ids: new Map(), since: null };
      works.set(key, work);
      for (const change of own) add(work, id, change);
    }
  return [...works.values()];
}

interface Mutable {
  readonly target: EventTarget;
  readonly told: (ToldObject & { readonly eventId: WebhookEventId })[];
  readonly ids: Map<string, Set<WebhookEventId>>;
  since: SinceWork | null;
}

function add(work: Mutable, eventId: WebhookEventId, change: EventChange): void {
  if (change.says === 'object') work.told.push({ ...change, eventId });
  else if (change.says === 'refetch') {
    if (isElsewhere(work.target, change.place)) return;
    askFor(work.ids, change.externalId, eventId);
  } else {
    const { streams, sinceEpochS, events } = work.since ?? { streams: [], sinceEpochS: Infinity, events: [] };
    work.since = {
      streams: new Set([...streams, ...change.streams]),
      sinceEpochS: Math.min(sinceEpochS, change.sinceEpochS),
      events: new Set([...events, eventId]),
    };
  }
}

/** The object belongs to an account of the grant that the venue has not chosen. */
const isElsewhere = ({ accounts }: EventTarget, place: string | null | undefined): boolean =>
  accounts !== null && place != null && !accounts.includes(place);

/** Notes that an event asks for an object. */
export function askFor(ids: Map<string, Set<WebhookEventId>>, externalId: string, eventId: WebhookEventId): void {
  ids.set(externalId, (ids.get(externalId) ?? new Set()).add(eventId));
}
