import type { Stripe } from 'stripe';
import type { z } from 'zod';
import { DOCUMENTED_NAMES, namesIn } from '../../items.ts';
import type { ListQuery, ProviderPage, ProviderRecord, ResourceSession } from '../../provider.ts';
import {
  countOf,
  createdWithin,
  dated,
  nextAfter,
  startingAfter,
  toPage,
  remoteAmong,
  versionOfEvent,
} from '../http/lists.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from '../customers/names.ts';
import { createProductWriter } from './product-writer.ts';
import { productEventSubject, productSchema } from './product-responses.ts';
import { toProductRecord } from './products.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { deletable, eventSchema, listSchema, searchSchema, subjectIdIn } from '../http/responses.ts';

export const PRODUCT_EVENTS = [
  'product.created',
  'product.updated',
  'product.deleted',
  'price.created',
  'price.updated',
  'price.deleted',
];
export const PRODUCT_DELETED = 'product.deleted';
/** https://docs.stripe.com/api/products/object, as the SDK 23.1.0 has it. */
const product = deletable('product', productSchema).register(
  DOCUMENTED_NAMES,
  namesIn(`
    id object active created default_price deleted description images livemode marketing_features metadata name
    package_dimensions shippable statement_descriptor tax_code tax_details type unit_label updated url`),
);
const productPage = listSchema(product);
const WITH_PRICES = { limit: PAGE_SIZE, expand: ['data.default_price'] };

const productEvent = eventSchema(productEventSubject);
const productEventPage = listSchema(productEvent, subjectIdIn);
type ProductEvent = z.output<typeof productEvent>;

export function createProductSession(stripe: Stripe, ask: Ask): ResourceSession {
  const productsOf = (params: Stripe.ProductListParams) =>
    ask(productPage, () => stripe.products.list({ ...WITH_PRICES, ...params }));

  return {
    async listPage(query) {
      if (query.stream === 'events') return changes(stripe, ask, query);
      const askedAtMs = Date.now();
      const page = await productsOf({ created: createdWithin(query), ...startingAfter(query.after) });
      return toPage(
        page,
        page.data.map((one) => toRecord(one, ask.versionOf(askedAtMs))),
      );
    },

    // Products cannot be searched by creation time (https://docs.stripe.com/search#query-fields-for-products, read
    // 2026-11-21).
    async count() {
      const query = "active:'true' OR active:'false'";
      return countOf(
        await ask(searchSchema, () => stripe.products.search({ query, limit: 1, expand: ['total_count'] })),
      );
    },

    versionOf: ask.versionOf,

    async retrieve(externalId) {
      const askedAtMs = Date.now();
      const retrieve = () => stripe.products.retrieve(externalId, { expand: ['default_price'] });
      const found = await nullWhenMissing(ask(product, retrieve));
      return found === null || found.deleted ? null : toProductRecord(found, ask.versionOf(askedAtMs));
    },

    writer: {
      tellsRecordId: true,
      ...createProductWriter(stripe, ask),

      async findRemote(hint) {
        const askedAtMs = Date.now();
        const page = await productsOf({ created: { gte: hint.createdSinceEpochS }, ...startingAfter(hint.after) });
        const remote = remoteAmong(page, hint);
        return {
          found: remote ? toRecord(remote, ask.versionOf(askedAtMs)) : null,
          after: remote ? null : nextAfter(page),
        };
      },
    },
  };
}

const toRecord = (one: z.output<typeof product>, version: number): ProviderRecord =>
  one.deleted
    ? { externalId: one.id, version, deleted: true, recordId: null, fields: null }
    : toProductRecord(one, version);

/**
 * Two calls: an event has the default price's id without its amount, so changed products are read again in their
 * present state.
 */
async function changes(stripe: Stripe, ask: Ask, query: ListQuery): Promise<ProviderPage> {
  const range = { limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) };
  const page = await ask(productEventPage, () => stripe.events.list({ ...range, types: PRODUCT_EVENTS }));
  const { touched, deletions } = sorted(page.data);
  const askedAtMs = Date.now();
  // A page of events names at most one page of products. A product that the list omits is deleted. One that it includes
  // exists, even when an event of the page says that it was deleted: ids may be chosen, and it was created again.
  const read =
    touched.length === 0
      ? NOTHING_READ
      : await ask(productPage, () => stripe.products.list({ ...WITH_PRICES, ids: [...touched] }));
  const there = new Set([
    ...read.data.flatMap((one) => (one.deleted ? [] : one.id)),
    ...read.unreadable.map(({ externalId }) => externalId),
  ]);
  const records = [
    ...read.data.map((one) => toRecord(one, ask.versionOf(askedAtMs))),
    ...deletions.filter(({ externalId }) => !there.has(externalId)),
  ];
  const unreadable = [...page.unreadable, ...read.unreadable];
  return toPage({ ...page, unreadable, newFields: 'newFields' in read ? read.newFields : undefined }, records);
}

const NOTHING_READ = { data: [], unreadable: [] } as const;

/** The product that an event is about; null for a deleted price that does not name it. */
export const productIdOf = (subject: z.output<typeof productEventSubject>): string | null =>
  subject.object === 'product' ? subject.id : subject.product;

/** The product of a deletion event. */
export const deletedProduct = (
  { id, metadata }: { readonly id: string; readonly metadata: Readonly<Record<string, string>> },
  createdS: number,
): ProviderRecord =>
  dated(
    {
      externalId: id,
      version: versionOfEvent(createdS),
      deleted: true,
      recordId: metadata[RECORD_ID_KEY] ?? null,
      fields: null,
    },
    createdS,
  );

function sorted(events: readonly ProductEvent[]): {
  readonly touched: readonly string[];
  readonly deletions: readonly ProviderRecord[];
} {
  const deletions = new Map<string, ProviderRecord>();
  const touched = new Set<string>();
  for (const { type, created, data } of events) {
    const subject = data.object;
    touched.add(productIdOf(subject) ?? '');
    if (subject.object !== 'product' || type !== PRODUCT_DELETED) continue;
    // The feed is newest first, so the first deletion is the last one.
    if (!deletions.has(subject.id)) deletions.set(subject.id, deletedProduct(subject, created));
  }
  touched.delete('');
  return { touched: [...touched], deletions: [...deletions.values()] };
}
