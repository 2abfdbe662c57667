import { randomUUID } from 'node:crypto';
import type { ChangedObject, RecordChange, WireObject } from '../core/record-state.ts';
import type { CustomerMerge } from './customers/merging.ts';
import type { Kind } from './state/square-state.ts';

/** An event of Square's, as https://developer.squareup.com/docs/webhooks/v2webhook-events-tech-ref lists them (2026-11). */
export interface SquareEvent {
  readonly merchant_id: string;
  readonly location_id?: string;
  readonly type: string;
  readonly event_id: string;
  readonly created_at: string;
  readonly data: {
    readonly type: string;
    readonly id: string;
    readonly deleted?: true;
    readonly object: WireObject;
  };
}

/** An event with the permission that an application needs to be sent it. */
export interface ToldEvent {
  readonly event: SquareEvent;
  readonly permission: string;
}

/** The part of an event that depends on what changed. */
interface Told {
  readonly type: string;
  readonly locationId?: unknown;
  readonly data: SquareEvent['data'];
}

interface EventsOfKind {
  readonly permission: string;
  readonly tell: (objects: readonly ChangedObject[], context: EventContext) => readonly Told[];
}

interface EventContext {
  readonly nowMs: number;
  /** The merge that created or deleted a customer; null where none did. */
  readonly mergeOf: (customer: { readonly id: string; readonly isDeleted: boolean }) => CustomerMerge | null;
}

const EVENTS: Readonly<Partial<Record<Kind, EventsOfKind>>> = {
  customers: { permission: 'CUSTOMERS_READ', tell: tellOfCustomers },
  'loyalty-accounts': {
    permission: 'LOYALTY_READ',
    tell: eachAs('loyalty_account', (changed) => [`loyalty.account.${lifeOf(changed)}`]),
  },
  catalogue: { permission: 'ITEMS_READ', tell: tellOfCatalogue },
  counts: { permission: 'INVENTORY_READ', tell: tellOfCounts },
  payments: {
    permission: 'PAYMENTS_READ',
    tell: eachAs('payment', (changed) => [`payment.${lifeOf(changed)}`]),
  },
  refunds: {
    permission: 'PAYMENTS_READ',
    tell: eachAs('refund', (changed) => [`refund.${lifeOf(changed)}`]),
  },
  disputes: { permission: 'DISPUTES_READ', tell: withLocation(eachAs('dispute', disputeEvents)) },
  orders: { permission: 'ORDERS_READ', tell: (objects) => objects.flatMap(tellOfOrder) },
  invoices: { permission: 'INVOICES_READ', tell: withLocation(eachAs('invoice', invoiceEvents)) },
};

/** The events that Square publishes for a change of a merchant's objects. */
export function eventsOf({ account, kind, objects }: RecordChange<Kind>, context: EventContext): readonly ToldEvent[] {
  const events = EVENTS[kind];
  if (!events) return [];
  return events.tell(objects, context).map(({ type, locationId, data }) => ({
    permission: events.permission,
    event: {
      merchant_id: account,
      ...(typeof locationId === 'string' && { location_id: locationId }),
      type,
      event_id: randomUUID(),
      created_at: new Date(context.nowMs).toISOString(),
      data,
    },
  }));
}

function lifeOf({ before, after }: ChangedObject): 'created' | 'updated' | 'deleted' {
  if (before === undefined) return 'created';
  return after === undefined ? 'deleted' : 'updated';
}

/** An event that carries its object under a name. The event of a deletion carries what the object was. */
function eachAs(
  name: string,
  typesOf: (changed: ChangedObject) => readonly string[],
): (objects: readonly ChangedObject[]) => readonly Told[] {
  return (objects) =>
    objects.flatMap((changed) => {
      const { id, before, after } = changed;
      const data = {
        type: name,
        id,
        ...(after === undefined && { deleted: true as const }),
        object: { [name]: after ?? before },
      };
      return typesOf(changed).map((type) => ({ type, data }));
    });
}

const tellOfCustomer = eachAs('customer', (changed) => [`customer.${lifeOf(changed)}`]);

/** The events of a merge tell which profiles were merged, and into which. */
function tellOfCustomers(objects: readonly ChangedObject[], { mergeOf }: EventContext): readonly Told[] {
  return objects.flatMap((changed) => {
    const life = lifeOf(changed);
    const merge = life === 'updated' ? null : mergeOf({ id: changed.id, isDeleted: life === 'deleted' });
    return tellOfCustomer([changed]).map(({ type, data }) => ({
      type,
      data: merge === null ? data : { ...data, object: { ...data.object, event_context: { merge } } },
    }));
  });
}

/** Events of invoices and disputes name their location beside the merchant. */
function withLocation(tell: (objects: readonly ChangedObject[]) => readonly Told[]): EventsOfKind['tell'] {
  return (objects) =>
    objects.flatMap((changed) =>
      tell([changed]).map((told) => ({ ...told, locationId: (changed.after ?? changed.before)?.['location_id'] })),
    );
}

/** One event for a step, however many objects it changed. It names none of them. */
function tellOfCatalogue(objects: readonly ChangedObject[]): readonly Told[] {
  const times = objects.map(({ before, after }) => String((after ?? before)?.['updated_at']));
  const [updatedAt] = times.sort().slice(-1);
  if (updatedAt === undefined) return [];
  const object = { catalog_version: { updated_at: updatedAt } };
  return [{ type: 'catalog.version.updated', data: { type: 'catalog_version', id: randomUUID(), object } }];
}

function tellOfCounts(objects: readonly ChangedObject[]): readonly Told[] {
  // `id` is what a count is stored under here; counts have none at Square.
  const counts = objects.flatMap(({ after }) => (after === undefined ? [] : [without(after, 'id')]));
  const data = { type: 'inventory_counts', id: randomUUID(), object: { inventory_counts: counts } };
  return counts.length === 0 ? [] : [{ type: 'inventory.count.updated', data }];
}

function without(object: WireObject, field: string): WireObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== field));
}

const SUMMARY = ['created_at', 'location_id', 'state', 'updated_at', 'version'];

/** An event of an order carries a summary of it. */
function tellOfOrder(changed: ChangedObject): readonly Told[] {
  const { id, after } = changed;
  if (after === undefined) return [];
  const name = `order_${lifeOf(changed)}`;
  const summary = Object.fromEntries(SUMMARY.filter((field) => field in after).map((field) => [field, after[field]]));
  const object = { [name]: { order_id: id, ...summary } };
  return [{ type: `order.${lifeOf(changed)}`, data: { type: name, id, object } }];
}

function disputeEvents({ before, after }: ChangedObject): readonly string[] {
  if (before === undefined || after === undefined) return before === undefined ? ['dispute.created'] : [];
  const [had, has] = [evidenceOf(before), evidenceOf(after)];
  return [
    ...(before['state'] === after['state'] ? [] : ['dispute.state.updated']),
    ...(has.some((id) => !had.includes(id)) ? ['dispute.evidence.created'] : []),
    ...(had.some((id) => !has.includes(id)) ? ['dispute.evidence.deleted'] : []),
  ];
}

const evidenceOf = ({ evidence_ids: ids }: WireObject): readonly unknown[] => (Array.isArray(ids) ? ids : []);

/** Events of the states that an invoice may come into. */
const INVOICE_STATES: Readonly<Partial<Record<string, string>>> = {
  CANCELED: 'invoice.canceled',
  FAILED: 'invoice.scheduled_charge_failed',
  PAID: 'invoice.payment_made',
  PARTIALLY_PAID: 'invoice.payment_made',
  PARTIALLY_REFUNDED: 'invoice.refunded',
  REFUNDED: 'invoice.refunded',
};

/**
 * A change has the event of what happened to the invoice, and is an update otherwise. Square does not say whether both
 * are published.
 */
function invoiceEvents({ before, after }: ChangedObject): readonly string[] {
  if (after === undefined) return ['invoice.deleted'];
  const isPublished = (invoice: WireObject | undefined) => invoice !== undefined && invoice['status'] !== 'DRAFT';
  const published = isPublished(after) && !isPublished(before) ? ['invoice.published'] : [];
  if (before === undefined) return ['invoice.created', ...published];
  const state = before['status'] === after['status'] ? undefined : INVOICE_STATES[String(after['status'])];
  if (state !== undefined) return [...published, state];
  return published.length > 0 ? published : ['invoice.updated'];
}
