import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ProductFields } from '../../../records/products.ts';
import { decimalText, minorOf } from '../../decimals.ts';
import type { ProviderRecord } from '../../provider.ts';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { unreadableObject } from '../http/ask.ts';
import { BASE_CURRENCY } from '../http/base-currency.ts';
import { guid, orNull, wireTime, withoutEmpty } from '../http/objects.ts';

/** https://developer.xero.com/documentation/api/accounting/items, read 2026-11-29: as far as it is read here. */
export const itemSchema = z
  .object({
    ItemID: guid,
    Code: z.string().min(1),
    Name: nullableText,
    Description: nullableText,
    /** Goes back whole with a new price, so that its account and tax stay. */
    SalesDetails: orNull(z.looseObject({ UnitPrice: orNull(decimalText) })),
    UpdatedDateUTC: wireTime,
  })
  .register(
    DOCUMENTED_NAMES,
    // Also the properties of Xero's own description of its API (xero-node, accounting 2.0.5, read 2026-11-29).
    namesIn(`
    ItemID Code InventoryAssetAccountCode Name IsSold IsPurchased Description PurchaseDescription PurchaseDetails SalesDetails
    IsTrackedAsInventory TotalCostPool QuantityOnHand UpdatedDateUTC StatusAttributeString ValidationErrors`),
  );
export type XeroItem = z.output<typeof itemSchema>;

const MADE_CODE = /^IL-[\da-f]{24}$/;

/** The code of a product without a SKU: every item needs one, of at most 30 characters, that no other has. */
export const madeCodeOf = (recordId: string): string =>
  `IL-${createHash('sha256').update(recordId).digest('hex').slice(0, 24)}`;

export function toRecord(item: XeroItem, currency: string): ProviderRecord {
  return {
    externalId: item.ItemID,
    version: item.UpdatedDateUTC,
    deleted: false,
    changedAtMs: item.UpdatedDateUTC,
    recordId: null,
    fields: toFields(item, currency),
    externalState: { [BASE_CURRENCY]: currency },
  };
}

export function toFields(item: XeroItem, currency: string): ProductFields {
  const amountMinor = priceOf(item, currency);
  return {
    name: item.Name ?? item.Code,
    description: item.Description,
    sku: MADE_CODE.test(item.Code) ? null : item.Code,
    amountMinor,
    currency: amountMinor === null ? null : currency,
    // An item has no status: it is there or it is not.
    active: true,
    taxable: null,
    images: [],
    metadata: withoutEmpty({ xero_item_code: item.Code }),
  };
}

/** No price and a price of zero are one: a price that is cleared is set to zero. */
function priceOf({ SalesDetails: sales }: XeroItem, currency: string): number | null {
  const price = sales?.UnitPrice ?? null;
  if (price === null || Number(price) === 0) return null;
  const minor = minorOf(price, currency);
  // A price has four decimals at Xero. One below the smallest coin has no place in a product here.
  if (minor === null || minor < 0)
    throw unreadableObject('SalesDetails.UnitPrice: expected a price in whole smallest units of the currency');
  return minor;
}
