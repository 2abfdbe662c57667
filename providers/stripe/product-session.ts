import type { Stripe } from 'stripe';
import type { ListQuery, ProviderPage, ProviderRecord, ResourceSession } from '../provider.ts';
import { countOf, createdWithin, nextAfter, startingAfter, toPage, versionOfEvent } from './lists.ts';
import { PAGE_SIZE, RECORD_ID_KEY } from './names.ts';
import { createProductWriter } from './product-writer.ts';
import { productEventSubject, productSchema } from './product-responses.ts';
import { toProductRecord } from './products.ts';
import { nullWhenMissing } from './requests.ts';
import type { Ask } from './requests.ts';
import { deletedSchema, eventSchema, listSchema, searchSchema } from './responses.ts';

const PRODUCT_EVENTS = ['product.created', 'product.updated', 'product.deleted', 'price.created', 'price.updated', 'price.deleted'];
const WITH_PRICES = { limit: PAGE_SIZE, expand: ['data.default_price'] };

export function createProductSession(stripe: Stripe, ask: Ask): ResourceSession {
  const productsOf = (params: Stripe.ProductListParams) => ask(listSchema(productSchema), () => stripe.products.list({ ...WITH_PRICES, ...params }));

  return {
    async listPage(query) {
      if (query.stream === 'events') return changes(stripe, ask, query);
      const askedAtMs = Date.now();
      const page = await productsOf({ created: createdWithin(query), ...startingAfter(query.after) });
      return toPage(page, page.data.map((product) => toProductRecord(product, ask.versionOf(askedAtMs))));
    },

    // A product's time of creation cannot be searched for (https://docs.stripe.com/search#query-fields-for-products, read 2026-11-21).
    async count() {
      const query = "active:'true' OR active:'false'";
      return countOf(await ask(searchSchema, () => stripe.products.search({ query, limit: 1, expand: ['total_count'] })));
    },

    async retrieve(externalId) {
      const askedAtMs = Date.now();
      const retrieve = () => stripe.products.retrieve(externalId, { expand: ['default_price'] });
      const product = await nullWhenMissing(ask(productSchema.or(deletedSchema('product')), retrieve));
      return product === null || 'deleted' in product ? null : toProductRecord(product, ask.versionOf(askedAtMs));
    },

    writer: {
      ...createProductWriter(stripe, ask),

      async findTwin({ recordId, createdSinceEpochS, after }) {
        const askedAtMs = Date.now();
        const page = await productsOf({ created: { gte: createdSinceEpochS }, ...startingAfter(after) });
        const twin = page.data.find(({ metadata }) => metadata[RECORD_ID_KEY] === recordId);
        return { found: twin ? toProductRecord(twin, ask.versionOf(askedAtMs)) : null, after: twin ? null : nextAfter(page) };
      },
    },
  };
}

/** Two calls: an event tells the id of the default price and not its amount, so what changed is read anew; as it is now, not as it was then. */
async function changes(stripe: Stripe, ask: Ask, query: ListQuery): Promise<ProviderPage> {
  const range = { limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) };
  const page = await ask(listSchema(eventSchema(productEventSubject)), () => stripe.events.list({ ...range, types: PRODUCT_EVENTS }));
  const deletions = new Map<string, ProviderRecord>();
  const touched = new Set<string>();
  for (const { type, created, data } of page.data) {
    const subject = data.object;
    const id = subject.object === 'product' ? subject.id : subject.product;
    if (subject.object !== 'product' || type !== 'product.deleted') touched.add(id);
    // Newest first: the first deletion that is met is the last one.
    else if (!deletions.has(id)) deletions.set(id, { externalId: id, version: versionOfEvent(created), deleted: true, recordId: subject.metadata[RECORD_ID_KEY] ?? null, fields: null });
  }
  const askedAtMs = Date.now();
  // A page names at most a page of products. What the list does not bring is deleted, which an event of its own tells.
  const read = touched.size === 0 ? [] : (await ask(listSchema(productSchema), () => stripe.products.list({ ...WITH_PRICES, ids: [...touched] }))).data;
  return toPage(page, [...read.map((product) => toProductRecord(product, ask.versionOf(askedAtMs))), ...deletions.values()]);
}
