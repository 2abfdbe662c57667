import { z } from 'zod';
import { decimalText } from '../http/decimals.ts';
import { DOCUMENTED_NAMES, namesIn, nullableText } from '../../items.ts';
import { OBJECT_NAMES, objectFields, orNull, reference } from '../http/objects.ts';

/**
 * What is sold. A category sorts others, and a bundle has no price of its own
 * (https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/item, read 2026-11-28).
 */
export const SOLD_TYPES = ['Inventory', 'NonInventory', 'Service'];

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/item, read 2026-11-28: as far as it is read here. */
export const itemSchema = z
  .object({
    ...objectFields,
    Name: z.string().min(1),
    Type: nullableText,
    Active: z
      .boolean()
      .nullish()
      .transform((value) => value ?? true),
    Description: nullableText,
    Sku: nullableText,
    UnitPrice: orNull(decimalText),
    Taxable: orNull(z.boolean()),
    ParentRef: reference,
    FullyQualifiedName: nullableText,
    TrackQtyOnHand: orNull(z.boolean()),
    QtyOnHand: orNull(decimalText),
  })
  .register(
    DOCUMENTED_NAMES,
    // Also the fields of Intuit's schema (QuickBooks-V3-PHP-SDK, IPPItem, read 2026-11-29), which the page does not list all.
    namesIn(`
    ${OBJECT_NAMES} Name Sku Description Active SubItem ParentRef Level FullyQualifiedName Taxable SalesTaxIncluded PercentBased
    UnitPrice RatePercent Type PaymentMethodRef UOMSetRef IncomeAccountRef PurchaseDesc PurchaseTaxIncluded PurchaseCost
    ExpenseAccountRef COGSAccountRef AssetAccountRef PrefVendorRef AvgCost TrackQtyOnHand QtyOnHand QtyOnPurchaseOrder
    QtyOnSalesOrder ReorderPoint ManPartNum DepositToAccountRef SalesTaxCodeRef PurchaseTaxCodeRef InvStartDate BuildPoint
    PrintGroupedItems SpecialItem SpecialItemType ItemGroupDetail ItemAssemblyDetail AbatementRate ReverseChargeRate
    ServiceType ItemCategoryType ItemEx TaxClassificationRef UQCDisplayText UQCId ClassRef Source`),
  );
export type QuickBooksItem = z.output<typeof itemSchema>;
