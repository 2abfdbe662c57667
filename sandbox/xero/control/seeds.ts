import { randomUUID } from 'node:crypto';
import { dateOf, dayOf, ID_OF, textOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';

/** Milliseconds between seeded objects, as in the other stand-ins. */
const APART_MS = 37_000;

interface Making {
  readonly index: number;
  readonly day: string;
  readonly currency: string;
  readonly contactId: string;
}

/** How `POST /seed` makes an object by its number. */
const MADE: Readonly<Record<Entity, (making: Making) => WireObject>> = {
  Contacts: ({ index }) => ({
    ContactStatus: 'ACTIVE',
    Name: `Contact ${index}`,
    FirstName: 'Contact',
    LastName: String(index),
    EmailAddress: `contact-${index}@example.com`,
    Addresses: [
      { AddressType: 'STREET', City: '', Region: '', PostalCode: '', Country: '' },
      {
        ...{ AddressType: 'POBOX', AddressLine1: `${index} High Street`, City: 'London', Region: '' },
        ...{ PostalCode: 'N1 1AA', Country: 'United Kingdom' },
      },
    ],
    Phones: [{ PhoneType: 'DEFAULT', PhoneNumber: '7123 4567', PhoneAreaCode: '20', PhoneCountryCode: '44' }],
    ...{ ContactGroups: [], ContactPersons: [], IsSupplier: false, IsCustomer: true },
  }),
  Items: ({ index }) => ({
    Code: `CODE-${index}`,
    Name: `Item ${index}`,
    Description: `The item of number ${index}`,
    SalesDetails: { UnitPrice: 10 + (index % 100) / 100, AccountCode: '200', TaxType: 'OUTPUT2' },
    PurchaseDetails: {},
    ...{ IsTrackedAsInventory: false, IsSold: true, IsPurchased: true },
  }),
  Accounts: ({ index }) => ({ Code: `4${index}`, Name: `Account ${index}`, Type: 'REVENUE', Class: 'REVENUE' }),
  Invoices: ({ index, day, currency, contactId }) => {
    const isPaid = index % 3 === 0;
    return {
      ...{ Type: 'ACCREC', InvoiceNumber: `S-${index}`, Reference: '', CurrencyCode: currency },
      ...{ Status: isPaid ? 'PAID' : 'AUTHORISED', LineAmountTypes: 'Exclusive', Contact: { ContactID: contactId } },
      ...{ Date: dayOf(day), DateString: `${day}T00:00:00`, DueDate: dayOf(day), DueDateString: `${day}T00:00:00` },
      LineItems: [
        {
          ...{ LineItemID: randomUUID(), Description: 'Chai', Quantity: 2, UnitAmount: 6.25, LineAmount: 12.5 },
          ...{ TaxAmount: 2.5, AccountCode: '200', TaxType: 'OUTPUT2' },
        },
      ],
      ...{ SubTotal: 12.5, TotalTax: 2.5, Total: 15, AmountDue: isPaid ? 0 : 15, AmountPaid: isPaid ? 15 : 0 },
      ...{ AmountCredited: 0, Payments: [], CreditNotes: [], HasErrors: false },
    };
  },
  Payments: ({ index, day, currency, contactId }) => ({
    ...{ Date: dayOf(day), Amount: 10 + (index % 100) / 100, Reference: '', PaymentType: 'ACCRECPAYMENT' },
    ...{ Status: 'AUTHORISED', IsReconciled: false, Account: { Code: '090' } },
    Invoice: { Type: 'ACCREC', InvoiceNumber: `S-${index}`, CurrencyCode: currency, Contact: { ContactID: contactId } },
  }),
  CreditNotes: (making) => ({
    ...documented(making),
    ...{ Type: 'ACCRECCREDIT', CreditNoteNumber: `CN-${making.index}`, RemainingCredit: 12.5 },
  }),
  BankTransactions: (making) => ({
    ...documented(making),
    ...{ Type: making.index % 2 === 0 ? 'RECEIVE' : 'SPEND', BankAccount: { Code: '090', Name: 'Current account' } },
  }),
};

const documented = ({ day, currency, contactId }: Making): WireObject => ({
  ...{ Status: 'AUTHORISED', Contact: { ContactID: contactId }, CurrencyCode: currency, LineAmountTypes: 'NoTax' },
  ...{ Date: dayOf(day), DateString: `${day}T00:00:00`, SubTotal: 12.5, TotalTax: 0, Total: 12.5 },
  LineItems: [
    { LineItemID: randomUUID(), Description: 'Chai', Quantity: 2, UnitAmount: 6.25, LineAmount: 12.5, TaxAmount: 0 },
  ],
});

/** Makes objects 37 s apart, back from now, and answers their ids. */
export function seed(organisation: Organisation, entity: Entity, count: number): readonly string[] {
  const { state, id: tenant, nowMs, baseCurrency } = organisation;
  const first = state.list(tenant, entity).length;
  const [contact = {}] = state.list(tenant, 'Contacts');
  const contactId = textOf(contact, 'ContactID') ?? randomUUID();
  const objects = Array.from({ length: count }, (_, index): readonly [string, WireObject] => {
    const atMs = nowMs - (count - index) * APART_MS;
    const id = randomUUID();
    const day = new Date(atMs).toISOString().slice(0, 10);
    const made = MADE[entity]({ index: first + index, day, currency: baseCurrency, contactId });
    return [id, { ...made, [ID_OF[entity]]: id, UpdatedDateUTC: dateOf(atMs) }];
  });
  state.put(tenant, entity, objects);
  return objects.map(([id]) => id);
}
