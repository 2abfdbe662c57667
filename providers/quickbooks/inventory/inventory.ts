import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { InventoryFields } from '../../../records/inventory.ts';
import type { ProviderRecord, PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, changeList, countObjects, entityList } from '../http/lists.ts';
import type { Listed } from '../http/lists.ts';
import { versionOf } from '../http/objects.ts';
import { listChangedRecords, listRecords, retrievalOf, retrieveRecord } from '../http/records.ts';
import { itemSchema } from '../products/item-responses.ts';
import type { QuickBooksItem } from '../products/item-responses.ts';

/** A company without several locations has one place for everything (minor version 75 names no location of a quantity). */
const ONLY_PLACE = 'company';

export const inventoryPullPlan: PullPlan = {
  listing: [[entityList('counted-items')]],
  changes: changeFeed([[changeList('changed-counted-items')]], CHANGES),
  mayVanish: true,
};

const COUNTED: Listed = { entity: 'Item', where: ["Type = 'Inventory'"], hasInactive: true };

/** Each counted item's quantity. A change of the item and not of its quantity only moves the time. */
export function createInventorySession(ask: Ask): ResourceSession {
  const read = { listed: COUNTED, schema: itemSchema, toRecord };
  return {
    listPage: (query) =>
      query.stream === 'counted-items' ? listRecords(ask, read, query) : listChangedRecords(ask, [read], query),
    count: () => countObjects(ask, COUNTED),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, read, externalId),
    retrieveMany: retrievalOf(ask, read),
    writer: null,
  };
}

/** Null for an item that is not counted, or is out of use. */
function toRecord(item: QuickBooksItem): ProviderRecord | null {
  if (item.Type !== 'Inventory' || item.QtyOnHand === null || !item.Active) return null;
  const fields: Omit<InventoryFields, 'productSourceId'> & { readonly productSourceId: null } = {
    // Filled in from the reference.
    productSourceId: null,
    location: ONLY_PLACE,
    quantity: item.QtyOnHand,
    countedAt: new Date(item.MetaData.LastUpdatedTime).toISOString(),
    metadata: {},
  };
  return {
    externalId: item.Id,
    version: versionOf(item),
    deleted: false,
    recordId: null,
    fields,
    refs: { product: item.Id },
  };
}
