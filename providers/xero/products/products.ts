import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { ProductFields } from '../../../records/products.ts';
import { decimalOf, numberOf } from '../../decimals.ts';
import type { BulkHint, PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { keyOf, nullWhenMissing, refusal } from '../http/ask.ts';
import { BaseCurrency } from '../http/base-currency.ts';
import { searchByValue } from '../http/bulk-search.ts';
import { CHANGES, countObjects, list, listRecords, readOne, retrieveRecord } from '../http/lists.ts';
import type { Collection } from '../http/lists.ts';
import { createBatchWriter } from '../http/writer.ts';
import { itemSchema, madeCodeOf, toFields, toRecord } from './product-fields.ts';
import type { XeroItem } from './product-fields.ts';
import { contentOf } from './product-mapping.ts';
import type { ProductPayload } from './product-mapping.ts';

/** Items are deleted for good, and nothing tells of it but that they are gone. */
export const productPullPlan: PullPlan = {
  listing: [[list('items')]],
  changes: changeFeed([[list('changed-items')]], CHANGES),
  mayVanish: true,
  dates: ['changes'],
};

/** An address holds about this many conditions. */
const MOST_IDS = 20;

export function createProductSession(ask: Ask): ResourceSession {
  const base = new BaseCurrency(ask);
  const items: Collection<XeroItem> = {
    ...{ name: 'Items', idProperty: 'ItemID', schema: itemSchema, isUnpaged: true },
    query: { unitdp: '4' },
    toRecord: async (item) => toRecord(item, await base.get()),
  };
  return {
    listPage: (query) => listRecords(ask, items, query),
    count: () => countObjects(ask, items),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, items, externalId),
    writer: {
      ...createBatchWriter<XeroItem>(ask, {
        collection: items,
        mostIds: MOST_IDS,
        withIds: (ids) => ({ where: ids.map((id) => `ItemID==guid("${id}")`).join(' OR ') }),
        idOf: ({ ItemID }) => ItemID,
        versionOf: ({ UpdatedDateUTC }) => UpdatedDateUTC,
        isPresent: () => true,
        learn: (state) => {
          base.learn(state);
        },
        toRecord: async (item) => toRecord(item, await base.get()),
        newBody: async (payload) => newItem(payload, await base.get()),
        changesTo: async (item, payload) => changesTo(item, payload, await base.get()),
      }),

      /** An item is deleted for good; one that a document names cannot be. */
      async archive(externalId, { idempotencyKey }) {
        const path = `Items/${encodeURIComponent(externalId)}`;
        await nullWhenMissing(
          ask(z.unknown(), { method: 'DELETE', path, idempotencyKey: keyOf(idempotencyKey, externalId) }),
        );
        return 'deleted';
      },

      /** No two items share a code. One of another name, or that was there before the write was sent, is another’s. */
      async findRemote({ recordId, fields, createdSinceEpochS, excluded = [] }) {
        const found = await readOne(ask, items, codeOf({ recordId, fields }));
        const isOurs = found && isMadeOf(found, { fields, createdSinceEpochS }) && !excluded.includes(found.ItemID);
        return { found: isOurs ? toRecord(found, await base.get()) : null, after: null };
      },

      findMany: searchByValue(ask, items, {
        property: 'Code',
        valueOf: codeOf,
        async choose(withCode, hint) {
          const found = withCode.find((item) => isMadeOf(item, hint));
          return found ? toRecord(found, await base.get()) : null;
        },
      }),
    },
  };
}

const codeOf = ({ recordId, fields }: Pick<BulkHint, 'recordId' | 'fields'>): string =>
  contentOf(fields as ProductFields).sku ?? madeCodeOf(recordId);

/** Whether an item may have been made by a write of these fields. */
const isMadeOf = (item: XeroItem, { fields, createdSinceEpochS }: Pick<BulkHint, 'fields' | 'createdSinceEpochS'>) =>
  item.Name === contentOf(fields as ProductFields).name && item.UpdatedDateUTC >= createdSinceEpochS * 1_000;

type Body = Readonly<Record<string, unknown>>;
/** Without the fields that the connection leaves out. */
type Sent = Partial<ProductPayload>;

function newItem(product: Sent, currency: string): Body {
  const { madeCode, name, description, sku, amountMinor } = product;
  return {
    Code: sku ?? madeCode,
    ...(name && { Name: name }),
    ...(description && { Description: description }),
    ...(amountMinor && { SalesDetails: { UnitPrice: priceBody(product, currency) } }),
  };
}

/** Only the properties that differ. Xero needs the code with every update. */
function changesTo(item: XeroItem, wanted: Sent, currency: string): Body {
  const present = contentOf(toFields(item, currency));
  const differs = (...names: readonly (keyof typeof present)[]) =>
    names.some((name) => wanted[name] !== undefined && wanted[name] !== present[name]);
  const changes = {
    ...(differs('name') && { Name: wanted.name }),
    ...(differs('description') && { Description: wanted.description ?? '' }),
    ...(differs('sku') && { Code: wanted.sku ?? wanted.madeCode }),
    ...(differs('amountMinor', 'currency') && {
      SalesDetails: { ...salesOf(item), UnitPrice: priceBody(wanted, currency) },
    }),
  };
  return Object.keys(changes).length === 0 ? {} : { Code: item.Code, ...changes };
}

/** The account and the tax of sales, as they were read. */
const salesOf = ({ SalesDetails: sales }: XeroItem): Body =>
  Object.fromEntries(Object.entries(sales ?? {}).filter(([, value]) => typeof value === 'string' && value !== ''));

/** Items are priced in the organisation’s own currency. An amount in another is never converted. */
function priceBody({ amountMinor = 0, currency: priced = null }: Sent, currency: string): unknown {
  if (priced !== null && priced !== currency) throw refusal('foreign-currency', 'currency');
  return numberOf(decimalOf(amountMinor, currency));
}
