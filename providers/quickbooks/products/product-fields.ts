import type { ProductFields } from '../../../records/products.ts';
import type { ProviderRecord } from '../../provider.ts';
import { unreadableObject } from '../http/ask.ts';
import { minorOf } from '../http/decimals.ts';
import { HOME_CURRENCY } from '../http/home-currency.ts';
import { customFieldsOf, versionOf, withoutEmpty } from '../http/objects.ts';
import type { QuickBooksItem } from './item-responses.ts';

export function toRecord(item: QuickBooksItem, currency: string): ProviderRecord {
  return {
    externalId: item.Id,
    version: versionOf(item),
    deleted: false,
    changedAtMs: Date.parse(item.MetaData.LastUpdatedTime),
    recordId: null,
    fields: toFields(item, currency),
    ...customFieldsOf(item),
    externalState: { [HOME_CURRENCY]: currency },
  };
}

export function toFields(item: QuickBooksItem, currency: string): ProductFields {
  const amountMinor = priceOf(item, currency);
  return {
    name: nameOf(item),
    description: item.Description,
    sku: item.Sku,
    amountMinor,
    currency: amountMinor === null ? null : currency,
    active: item.Active,
    taxable: item.Taxable,
    images: [],
    metadata: withoutEmpty({
      quickbooks_type: item.Type,
      quickbooks_category_id: item.ParentRef?.value ?? null,
      quickbooks_full_name: item.FullyQualifiedName === item.Name ? null : item.FullyQualifiedName,
    }),
  };
}

/** Taking an item out of use marks its name, which is not part of the product's. */
export const nameOf = ({ Name: name, Active: isActive }: QuickBooksItem): string =>
  isActive ? name : name.replace(/ \(deleted(-\d+)?\)$/, '') || name;

/** Every item has a price of zero until somebody sets one. */
function priceOf({ UnitPrice: price }: QuickBooksItem, currency: string): number | null {
  if (price === null || Number(price) === 0) return null;
  const minor = minorOf(price, currency);
  // A price below the smallest coin has no place in a product here, and a negative one is a discount.
  if (minor === null || minor < 0)
    throw unreadableObject('UnitPrice: expected a price in whole smallest units of the currency');
  return minor;
}
