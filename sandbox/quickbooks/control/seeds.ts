import { nextId, timeOf } from '../state/quickbooks-state.ts';
import type { Company, Entity, WireObject } from '../state/quickbooks-state.ts';

/** Milliseconds between seeded objects, as in the other stand-ins. */
const APART_MS = 37_000;

/** How `POST /seed` makes an object by its number. */
const MADE: Readonly<Record<Entity, (index: number, day: string) => WireObject>> = {
  Customer: (index) => ({
    DisplayName: `Customer ${index}`,
    FullyQualifiedName: `Customer ${index}`,
    GivenName: 'Customer',
    FamilyName: String(index),
    PrimaryEmailAddr: { Address: `customer-${index}@example.com` },
    PrimaryPhone: { FreeFormNumber: '+442071234567' },
    BillAddr: {
      Id: String(10_000 + index),
      Line1: `${index} High Street`,
      City: 'London',
      PostalCode: 'N1 1AA',
      Country: 'GBR',
    },
    Taxable: true,
    Job: false,
    BillWithParent: false,
    Balance: 0,
    BalanceWithJobs: 0,
    Active: true,
  }),
  Vendor: (index) => ({ DisplayName: `Vendor ${index}`, Active: true }),
  Employee: (index) => ({ DisplayName: `Employee ${index}`, Active: true }),
  Item: (index) => ({
    Name: `Item ${index}`,
    FullyQualifiedName: `Item ${index}`,
    Sku: `SKU-${index}`,
    Description: `The item of number ${index}`,
    Active: true,
    Taxable: true,
    UnitPrice: 10 + (index % 100) / 100,
    Type: 'Inventory',
    TrackQtyOnHand: true,
    QtyOnHand: index % 50,
    InvStartDate: '2026-01-01',
    PurchaseCost: 0,
    IncomeAccountRef: { value: '1' },
  }),
  Account: (index) => ({
    Name: `Account ${index}`,
    AccountType: 'Income',
    AccountSubType: 'SalesOfProductIncome',
    Active: true,
  }),
  Invoice: (index, day) => ({
    ...sale(index, day),
    DueDate: day,
    Balance: index % 3 === 0 ? 0 : 12.5,
    DocNumber: `S${index}`,
  }),
  Payment: (index, day) => ({
    TxnDate: day,
    TotalAmt: 10 + (index % 100) / 100,
    UnappliedAmt: 0,
    Line: [],
    CustomerRef: { value: '1' },
  }),
  SalesReceipt: sale,
  RefundReceipt: sale,
  CreditMemo: (index, day) => ({ ...sale(index, day), RemainingCredit: 12.5 }),
  Bill: (_, day) => ({ TxnDate: day, DueDate: day, TotalAmt: 30, Balance: 30, VendorRef: { value: '1' }, Line: [] }),
  BillPayment: (_, day) => ({ TxnDate: day, TotalAmt: 30, PayType: 'Check', VendorRef: { value: '1' }, Line: [] }),
  Purchase: (_, day) => ({ TxnDate: day, TotalAmt: 4.2, PaymentType: 'Cash', AccountRef: { value: '2' }, Line: [] }),
};

function sale(index: number, day: string): WireObject {
  return {
    DocNumber: `${2_000 + index}`,
    TxnDate: day,
    CustomerRef: { value: '1', name: 'Customer 1' },
    Line: [
      {
        Id: '1',
        LineNum: 1,
        Description: 'Chai',
        Amount: 12.5,
        DetailType: 'SalesItemLineDetail',
        SalesItemLineDetail: { ItemRef: { value: '1', name: 'Chai' }, UnitPrice: 6.25, Qty: 2 },
      },
      { Amount: 12.5, DetailType: 'SubTotalLineDetail', SubTotalLineDetail: {} },
    ],
    TxnTaxDetail: { TotalTax: 0 },
    TotalAmt: 12.5,
  };
}

/** Makes objects 37 s apart, back from now, and answers their ids. */
export function seed(company: Company, entity: Entity, count: number): readonly string[] {
  const { state, id, nowMs, homeCurrency } = company;
  const first = state.list(id, entity).length;
  const objects = Array.from({ length: count }, (_, index): readonly [string, WireObject] => {
    const atMs = nowMs - (count - index) * APART_MS;
    const key = nextId(company, entity);
    const times = { CreateTime: timeOf(atMs), LastUpdatedTime: timeOf(atMs) };
    return [
      key,
      {
        ...MADE[entity](first + index, timeOf(atMs).slice(0, 10)),
        ...(entity !== 'Item' && { CurrencyRef: { value: homeCurrency } }),
        ...{ domain: 'QBO', sparse: false, Id: key, SyncToken: '0', MetaData: times },
      },
    ];
  });
  state.put(id, entity, objects);
  return objects.map(([key]) => key);
}
