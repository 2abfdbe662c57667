import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { readOnlyMapping } from '../../read-only-mapping.ts';
import type {
  Cursor,
  ListQuery,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceMapping,
  ResourceSession,
} from '../../provider.ts';
import { nullWhenMissing } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, cursorOf, isoOf, listSchema, SQUARE_METADATA, squareList, toPage } from '../http/lists.ts';
import type { SquareList } from '../http/lists.ts';
import { AFTER_EXPIRY, isChosen, placeAfter, placeOf } from '../http/locations.ts';
import type { ChosenLocations } from '../http/locations.ts';
import { readOrders, splitByOrder } from '../orders/orders.ts';
import { disputeSchema, paymentSchema, refundSchema } from './transaction-responses.ts';
import type { SquarePayment } from './transaction-responses.ts';
import { disputeRecord, paymentRecord, refundRecord } from './transactions.ts';

/** https://developer.squareup.com/reference/square/payments-api/list-payments, read 2026-11-28. */
const PAGE_SIZE = 100;

/**
 * Square starts one year ago when no beginning is given (square 46.0.0, ListPaymentsRequest). The company dates from
 * 2009.
 */
const BEGINNING = '2009-01-01T00:00:00.000Z';

/**
 * A payment is dated by its capture, which comes at most a week after its creation
 * (https://developer.squareup.com/docs/payments-api/take-payments/card-payments/delayed-capture, read 2026-11-28).
 */
const CAPTURED_WITHIN_S = 7 * 86_400;

const fromStart = { from: 'start' } as const;
const fromTime = { from: 'time', overlapS: 60 } as const;

/**
 * Payments come before the objects that refer to them. They are listed location by location, and refunds in one list,
 * both by the time that the list is asked for. Disputes cannot be requested by time: there are few, and each pull reads
 * them all. None of these is ever deleted.
 */
export const transactionPullPlan: PullPlan = {
  listing: [
    [squareList('payments', AFTER_EXPIRY)],
    [squareList('refunds', fromTime), squareList('disputes', fromStart)],
  ],
  changes: changeFeed(
    [
      [squareList('changed-payments', AFTER_EXPIRY)],
      [squareList('changed-refunds', fromTime), squareList('all-disputes', fromStart)],
    ],
    CHANGES,
  ),
  mayVanish: false,
  dates: ['beginnings'],
  createdBeforeS: CAPTURED_WITHIN_S,
  span: {
    streams: [squareList('payments', AFTER_EXPIRY), squareList('refunds', fromTime), squareList('disputes', fromStart)],
    lookBackS: CAPTURED_WITHIN_S,
  },
};

/** A payment does not say when its money was paid out. */
export const transactionMapping: ResourceMapping = {
  ...readOnlyMapping,
  holdings: { posted: 'nothing', metadata: SQUARE_METADATA },
};

const PAGES = {
  payments: listSchema('payments', paymentSchema),
  'changed-payments': listSchema('payments', paymentSchema, 'updated_at'),
  refunds: listSchema('refunds', refundSchema),
  'changed-refunds': listSchema('refunds', refundSchema, 'updated_at'),
} as const;
const disputePage = listSchema('disputes', disputeSchema);

/** The types of object that an id may name, in the order of the lookup. */
const OBJECTS = [
  ['payments', z.object({ payment: paymentSchema }).transform(({ payment }) => payment)],
  ['refunds', z.object({ refund: refundSchema }).transform(({ refund }) => refund)],
  ['disputes', z.object({ dispute: disputeSchema }).transform(({ dispute }) => dispute)],
] as const;

export function createTransactionSession(ask: Ask, chosen: ChosenLocations): ResourceSession {
  const reader = new TransactionReader(ask, chosen);
  return {
    listPage: (query) => reader.list(query),
    // Square offers no count of payments.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => reader.retrieve(externalId),
    writer: null,
  };
}

class TransactionReader {
  readonly #ask: Ask;
  readonly #chosen: ChosenLocations;

  constructor(ask: Ask, chosen: ChosenLocations) {
    this.#ask = ask;
    this.#chosen = chosen;
  }

  async list(query: ListQuery): Promise<ProviderPage> {
    switch (query.stream) {
      case 'payments':
      case 'changed-payments':
        return this.#payments(query, PAGES[query.stream]);
      case 'refunds':
      case 'changed-refunds': {
        const parameters = { ...timeOf(query, 'changed-refunds'), ...cursorOf(query) };
        const page = await this.#ask(PAGES[query.stream], { method: 'GET', path: '/v2/refunds', query: parameters });
        return toPage(page, this.#atChosen(page.items).map(refundRecord), PAGE_SIZE);
      }
      default: {
        const page = await this.#ask(disputePage, { method: 'GET', path: '/v2/disputes', query: cursorOf(query) });
        const asked = page.items.filter(({ created_at: at }) => query.stream === 'all-disputes' || isWithin(query, at));
        return toPage(page, this.#atChosen(asked).map(disputeRecord), PAGE_SIZE);
      }
    }
  }

  /** Refunds and disputes are lists of all locations. */
  #atChosen<Item extends { readonly location_id: string | null }>(items: readonly Item[]): readonly Item[] {
    return items.filter(({ location_id: location }) => isChosen(this.#chosen, location));
  }

  /** A page of one location: without a location Square lists the main one alone. */
  async #payments(query: ListQuery, schema: typeof PAGES.payments): Promise<ProviderPage> {
    const place = await placeOf(this.#ask, query.after, this.#chosen);
    if (place === null) return toPage(NOTHING, [], PAGE_SIZE);
    const asked = { ...query, fromEpochS: laterOf(query.fromEpochS, place.fromEpochS) };
    const page = await this.#ask(schema, {
      method: 'GET',
      path: '/v2/payments',
      query: { ...timeOf(asked, 'changed-payments'), location_id: place.location, cursor: place.cursor },
    });
    return { ...(await this.#withOrders(page)), after: placeAfter(place, page.after, page.positions) };
  }

  /** An order's lines are part of its payment's record, which is rejected when they cannot be read. */
  async #withOrders(page: SquareList<SquarePayment>): Promise<ProviderPage> {
    const read = await readOrders(
      this.#ask,
      page.items.map(({ order_id: id }) => id),
    );
    const { told, broken } = splitByOrder(page.items, read);
    return toPage(
      { ...page, unreadable: [...page.unreadable, ...broken] },
      told.map((payment) => paymentRecord(payment, read.orders.get(payment.order_id ?? '') ?? null)),
      PAGE_SIZE,
    );
  }

  async retrieve(externalId: string): Promise<ProviderRecord | null> {
    const id = encodeURIComponent(externalId);
    const read = <Schema extends z.ZodType>(path: string, schema: Schema) =>
      nullWhenMissing(this.#ask(schema, { method: 'GET', path: `/v2/${path}/${id}`, isOneObject: true }));
    const payment = await read(...OBJECTS[0]);
    if (payment) {
      const page = await this.#withOrders({ items: [payment], unreadable: [], after: null, positions: [] });
      return page.records[0] ?? null;
    }
    const refund = await read(...OBJECTS[1]);
    if (refund) return refundRecord(refund);
    const dispute = await read(...OBJECTS[2]);
    return dispute && disputeRecord(dispute);
  }
}

const laterOf = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.max(one, other);

const NOTHING = { items: [], unreadable: [], after: null as Cursor | null, positions: [] };

/**
 * Filters by creation, or by change in the list of that name. Both name a beginning, because Square otherwise starts
 * one year ago.
 */
function timeOf({ stream, fromEpochS, toEpochS }: ListQuery, changed: string) {
  const from = fromEpochS === null ? BEGINNING : isoOf(fromEpochS);
  const order = { sort_order: 'ASC', limit: String(PAGE_SIZE) };
  if (stream !== changed) return { begin_time: from, end_time: isoOf(toEpochS), sort_field: 'CREATED_AT', ...order };
  return {
    ...{ begin_time: BEGINNING, end_time: isoOf(toEpochS) },
    ...{ updated_at_begin_time: from, updated_at_end_time: isoOf(toEpochS), sort_field: 'UPDATED_AT' },
    ...order,
  };
}

const isWithin = ({ fromEpochS, toEpochS }: ListQuery, at: string): boolean => {
  const atS = Date.parse(at) / 1_000;
  return atS >= (fromEpochS ?? -Infinity) && atS < toEpochS;
};
