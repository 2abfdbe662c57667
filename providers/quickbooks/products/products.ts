import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { ProductFields } from '../../../records/products.ts';
import { ProviderError } from '../../provider-error.ts';
import type { PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { decimalOf, numberOf } from '../http/decimals.ts';
import { HomeCurrency } from '../http/home-currency.ts';
import { CHANGES, changeList, countObjects, entityList } from '../http/lists.ts';
import type { Listed } from '../http/lists.ts';
import { createNamedWriter } from '../http/named-writer.ts';
import { ACTIVE_OR_NOT, quotedList } from '../http/query.ts';
import { listChangedRecords, listRecords, retrievalOf, retrieveRecord } from '../http/records.ts';
import { IncomeAccount } from './income-account.ts';
import { itemSchema, SOLD_TYPES } from './item-responses.ts';
import type { QuickBooksItem } from './item-responses.ts';
import { nameOf, toFields, toRecord } from './product-fields.ts';
import { withItemsOutOfUse } from './items-out-of-use.ts';
import { contentOf } from './product-mapping.ts';
import type { ProductPayload } from './product-mapping.ts';

/** No item is ever deleted, but merged ones are gone. */
export const productPullPlan: PullPlan = {
  listing: [[entityList('items')]],
  changes: changeFeed([[changeList('changed-items')]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

const ITEMS: Listed = {
  entity: 'Item',
  where: [`Type in ${quotedList(SOLD_TYPES)}`, ACTIVE_OR_NOT],
  hasInactive: true,
};

type Body = Readonly<Record<string, unknown>>;
/** Without the fields that the connection leaves out. */
type Sent = Partial<ProductPayload>;

export function createProductSession(ask: Ask): ResourceSession {
  const home = new HomeCurrency(ask);
  const income = new IncomeAccount(ask);
  const read = {
    listed: ITEMS,
    schema: itemSchema,
    toRecord: async (item: QuickBooksItem) =>
      SOLD_TYPES.includes(item.Type ?? '') ? toRecord(item, await home.get()) : null,
  };
  return {
    listPage: (query) =>
      query.stream === 'items' ? listRecords(ask, read, query) : listChangedRecords(ask, [read], query),
    count: () => countObjects(ask, ITEMS),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, read, externalId),
    retrieveMany: retrievalOf(ask, read),
    writer: withItemsOutOfUse(
      createNamedWriter<QuickBooksItem>(ask, {
        entity: 'Item',
        schema: itemSchema,
        nameProperty: 'Name',
        isActive: ({ Active }) => Active,
        keepsInactive: true,
        learn: (state) => {
          home.learn(state);
        },
        toRecord: async (item) => toRecord(item, await home.get()),
        payloadOf: (fields) => ({ ...contentOf(fields as ProductFields) }),
        newBody: async (payload) => {
          const product = payload as Sent;
          const account = await income.get();
          return newItem(product, { account, currency: await home.get() });
        },
        changesTo: async (item, payload) => changesTo(item, payload, await home.get()),
      }),
    ),
  };
}

/** What is sold and not counted: QuickBooks counts stock by transactions of its own. */
function newItem(product: Sent, company: { readonly account: string; readonly currency: string }): Body {
  const { name, description, sku, amountMinor, active, taxable } = product;
  return {
    ...{ Name: name, Type: 'NonInventory', IncomeAccountRef: { value: company.account } },
    ...(taxable !== undefined && { Taxable: taxable }),
    ...(description && { Description: description }),
    ...(sku && { Sku: sku }),
    ...(amountMinor && { UnitPrice: priceBody(product, company.currency) }),
    ...(active === false && { Active: false }),
  };
}

/** What differs. An item that is out of use and stays so is put to use first: QuickBooks changes nothing of it otherwise. */
function changesTo(item: QuickBooksItem, wanted: Sent, currency: string): Body {
  const changes = differencesOf(item, wanted, currency);
  const staysOutOfUse = !item.Active && wanted.active === false && Object.keys(changes).length > 0;
  return staysOutOfUse ? { Name: nameOf(item), ...changes, Active: true } : changes;
}

/** Only the properties that differ: a quantity or an account that is sent back would book something. */
function differencesOf(item: QuickBooksItem, wanted: Sent, currency: string): Body {
  const present = contentOf(toFields(item, currency));
  const differs = (...names: readonly (keyof ProductPayload)[]) =>
    names.some((name) => wanted[name] !== undefined && wanted[name] !== present[name]);
  return {
    // An item that is put to use again has its name marked.
    ...(differs('name', ...(wanted.active ? (['active'] as const) : [])) && { Name: wanted.name ?? present.name }),
    ...(differs('description') && { Description: orEmpty(wanted.description) }),
    ...(differs('sku') && { Sku: orEmpty(wanted.sku) }),
    ...(differs('amountMinor', 'currency') && { UnitPrice: priceBody(wanted, currency) }),
    ...(differs('taxable') && { Taxable: wanted.taxable }),
    ...(differs('active') && { Active: wanted.active }),
  };
}

/** What is cleared is sent empty. */
const orEmpty = (text: string | null | undefined): string => text ?? '';

/** Items are priced in the company's own currency. An amount in another is never converted. */
function priceBody({ amountMinor = 0, currency: priced = null }: Sent, currency: string): unknown {
  if (priced !== null && priced !== currency)
    throw new ProviderError({
      ...{ provider: 'quickbooks', kind: 'rejected' },
      ...{ code: 'foreign-currency', field: 'currency' },
    });
  return numberOf(decimalOf(amountMinor, currency));
}
