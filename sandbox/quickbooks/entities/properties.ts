import type { Entity } from '../state/quickbooks-state.ts';

const COMMON = 'Id SyncToken MetaData domain sparse Active status CustomField CurrencyRef';
const PERSON =
  'Title GivenName MiddleName FamilyName Suffix DisplayName FullyQualifiedName PrintOnCheckName CompanyName PrimaryPhone AlternatePhone Mobile Fax PrimaryEmailAddr WebAddr BillAddr ShipAddr Notes';
const BOOKED =
  'DocNumber TxnDate Line TotalAmt PrivateNote CustomerRef CustomerMemo TxnTaxDetail ExchangeRate LinkedTxn DepartmentRef ClassRef BillAddr ShipAddr BillEmail PrintStatus EmailStatus ApplyTaxAfterDiscount Balance PaymentMethodRef PaymentRefNum DepositToAccountRef GlobalTaxCalculation HomeTotalAmt';

/**
 * Properties that requests may have, https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities (2026-11), as
 * far as the stand-in knows them: it refuses others, so that nothing that it does not simulate is ignored.
 */
const PROPERTIES: Readonly<Record<Entity, string>> = {
  Customer: `${PERSON} Taxable Job BillWithParent ParentRef Level Balance BalanceWithJobs PreferredDeliveryMethod DefaultTaxCodeRef SalesTermRef PaymentMethodRef ResaleNum OpenBalanceDate IsProject`,
  Vendor: `${PERSON} Balance Vendor1099 AcctNum TermRef`,
  Employee: `${PERSON} PrimaryAddr`,
  Item: 'Name Sku Description Type UnitPrice PurchaseDesc PurchaseCost Taxable SalesTaxIncluded SalesTaxCodeRef IncomeAccountRef ExpenseAccountRef AssetAccountRef TrackQtyOnHand QtyOnHand InvStartDate ReorderPoint SubItem ParentRef Level FullyQualifiedName ItemCategoryType',
  Account:
    'Name AcctNum AccountType AccountSubType Classification SubAccount ParentRef FullyQualifiedName CurrentBalance CurrentBalanceWithSubAccounts',
  Invoice: `${BOOKED} DueDate SalesTermRef AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment Deposit`,
  Payment: `${BOOKED} UnappliedAmt ProcessPayment ARAccountRef`,
  SalesReceipt: BOOKED,
  RefundReceipt: BOOKED,
  CreditMemo: `${BOOKED} RemainingCredit`,
  Bill: `${BOOKED} VendorRef DueDate SalesTermRef APAccountRef`,
  BillPayment: `${BOOKED} VendorRef PayType CheckPayment CreditCardPayment APAccountRef`,
  Purchase: `${BOOKED} PaymentType Credit AccountRef EntityRef`,
};

const KNOWN = new Map(
  Object.entries(PROPERTIES).map(([entity, names]) => [entity, new Set(`${COMMON} ${names}`.split(' '))]),
);

/** The first property of a body that the entity does not have; null where it has all. */
export const unknownProperty = (entity: Entity, body: object): string | null =>
  Object.keys(body).find((name) => KNOWN.get(entity)?.has(name) !== true) ?? null;
