import { textAt } from '../items.ts';
import type { EventChange, ReadChanges } from '../kit/webhook-definition.ts';

/**
 * Square's events carry the object in the version of the subscription, which no event names, so each is a hint: the
 * object is read again by its id. Objects have versions of their own, so a late reading never wins.
 * https://developer.squareup.com/docs/webhooks/v2webhook-events-tech-ref, read 2026-11-28.
 */
interface EventReader {
  readonly types: readonly string[];
  readonly read: (event: SquareEvent) => readonly EventChange[];
}

interface SquareEvent {
  /** `data` of any shape. */
  readonly data: unknown;
}

/** Searches show a change of the catalogue in well under 30 seconds, and its time is the catalogue's own. */
const CATALOGUE_OVERLAP_S = 60;

const typesOf = (object: string, events: readonly string[]) => events.map((event) => `${object}.${event}`);

const READERS: readonly EventReader[] = [
  { types: typesOf('customer', ['created', 'updated', 'deleted']), read: readCustomer },
  {
    // Points are part of the customer's record.
    types: typesOf('loyalty.account', ['created', 'updated', 'deleted']),
    read: ({ data }) => refetch('customers', textAt(data, 'object', 'loyalty_account', 'customer_id')),
  },
  { types: ['catalog.version.updated'], read: readCatalogue },
  { types: ['inventory.count.updated'], read: readCounts },
  { types: typesOf('payment', ['created', 'updated']), read: objectReader('transactions', 'payment') },
  { types: typesOf('refund', ['created', 'updated']), read: objectReader('transactions', 'refund') },
  {
    types: typesOf('dispute', [
      'created',
      'state.changed',
      'state.updated',
      ...['added', 'created', 'deleted', 'removed'].map((event) => `evidence.${event}`),
    ]),
    read: objectReader('transactions', 'dispute'),
  },
  {
    types: typesOf('invoice', [
      'canceled',
      'created',
      'deleted',
      'payment_made',
      'published',
      'refunded',
      'scheduled_charge_failed',
      'updated',
    ]),
    read: objectReader('invoices', 'invoice'),
  },
];

/** Types of events about objects that a resource syncs. */
export const CHANGE_EVENTS: readonly string[] = READERS.flatMap(({ types }) => types);

export const squareChangesIn: ReadChanges = (event) => {
  const type = textAt(event, 'type');
  const data = typeof event === 'object' && event !== null && 'data' in event ? event.data : null;
  return READERS.flatMap(({ types, read }) => (type !== null && types.includes(type) ? read({ data }) : []));
};

function refetch(resource: string, externalId: string | null, place: string | null = null): readonly EventChange[] {
  return externalId === null ? [] : [{ resource, says: 'refetch', externalId, place }];
}

/** The object's own id: that of `data` is an older form of it for some types. */
function objectReader(resource: string, name: string): EventReader['read'] {
  return ({ data }) =>
    refetch(
      resource,
      textAt(data, 'object', name, 'id') ?? textAt(data, 'id'),
      textAt(data, 'object', name, 'location_id'),
    );
}

const readProfile = objectReader('customers', 'customer');

/**
 * An event of a merge names the profiles that were merged, whose ids retrieve the one that they were merged into: whichever
 * of a merge's events comes first, it leads to all of them.
 */
function readCustomer(event: SquareEvent): readonly EventChange[] {
  const own = readProfile(event);
  const named = new Set(own.flatMap((change) => (change.says === 'refetch' ? change.externalId : [])));
  const others = mergedIn(event.data).filter((id) => !named.has(id));
  return [...own, ...[...new Set(others)].flatMap((id) => refetch('customers', id))];
}

function mergedIn(data: unknown): readonly string[] {
  const { object } = (data ?? {}) as { readonly object?: MergeContext | null };
  const ids: unknown = object?.event_context?.merge?.from_customer_ids;
  return Array.isArray(ids) ? ids.filter((id: unknown): id is string => typeof id === 'string' && id !== '') : [];
}

interface MergeContext {
  readonly event_context?: { readonly merge?: { readonly from_customer_ids?: unknown } | null } | null;
}

/** The event names no object, so what changed since is listed. */
function readCatalogue({ data }: SquareEvent): readonly EventChange[] {
  const updatedAtMs = Date.parse(textAt(data, 'object', 'catalog_version', 'updated_at') ?? '');
  if (Number.isNaN(updatedAtMs)) return [];
  const sinceEpochS = Math.floor(updatedAtMs / 1_000) - CATALOGUE_OVERLAP_S;
  return [{ resource: 'products', says: 'refetch-since', streams: ['changed-objects'], sinceEpochS }];
}

function readCounts({ data }: SquareEvent): readonly EventChange[] {
  const counts: unknown = (data as { readonly object?: { readonly inventory_counts?: unknown } } | null)?.object
    ?.inventory_counts;
  return (Array.isArray(counts) ? counts : []).flatMap((count: unknown) => {
    const [object, location] = [textAt(count, 'catalog_object_id'), textAt(count, 'location_id')];
    const isCounted = textAt(count, 'state') === 'IN_STOCK' && object !== null && location !== null;
    return isCounted ? refetch('inventory', `${object}:${location}`, location) : [];
  });
}
