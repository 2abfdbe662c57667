import { randomUUID } from 'node:crypto';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { CustomerFields } from '../../records/customers.ts';
import type { InvoiceFields } from '../../records/invoices.ts';
import type { ProductFields } from '../../records/products.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { MappableRecord } from '../../providers/provider.ts';

/** Records of one resource that every provider with this resource must accept. */
export interface Samples {
  /** With every field set. */
  readonly full: RecordFields;
  /** With every optional field empty. */
  readonly minimal: RecordFields;
  readonly renamed: (fields: RecordFields) => RecordFields;
  /** Emails by which a record is searched for besides our id, if any. */
  readonly emails: readonly (string | null)[];
}

const CUSTOMER: CustomerFields = {
  name: 'Ada',
  email: 'ada@example.com',
  phone: '+4930123456',
  address: { line1: '1 High Street', line2: null, city: 'Bonn', region: null, postalCode: '53111', country: 'Germany' },
  marketingConsent: true,
  metadata: { tier: 'gold' },
};
const PRODUCT: ProductFields = {
  name: 'Chai',
  description: 'Ten boxes of twenty bags',
  sku: 'CH-1',
  amountMinor: 1_800,
  currency: 'GBP',
  active: true,
  taxable: true,
  images: ['https://example.com/chai.png'],
  metadata: { shelf: '7' },
};

/** Names a customer and a product that are at the provider already; its sums are those that the provider computes. */
const INVOICE: InvoiceFields = {
  ...{ number: 'INV-7', status: 'open', issuedAt: '2026-11-02T00:00:00.000Z', dueAt: '2026-12-02T00:00:00.000Z' },
  ...{ customerSourceId: 'customer-1', currency: 'GBP' },
  ...{ subtotalMinor: 3_600, taxMinor: 0, totalMinor: 3_600, amountDueMinor: 3_600 },
  lines: [
    {
      ...{ description: 'Two boxes', quantity: '2', unitAmount: '18', amountMinor: 3_600, taxMinor: 0 },
      productSourceId: 'product-1',
    },
  ],
  metadata: { shelf: '7' },
};

const SAMPLES: Readonly<Partial<Record<Resource, Samples>>> = {
  customers: {
    full: CUSTOMER,
    minimal: { name: 'Only a name', email: null, phone: null, address: null, marketingConsent: null, metadata: {} },
    renamed: (fields) => ({ ...(fields as CustomerFields), name: 'Renamed' }),
    emails: ['ada@example.com', null],
  },
  products: {
    full: PRODUCT,
    minimal: {
      name: 'Only a name',
      description: null,
      sku: null,
      amountMinor: null,
      currency: null,
      active: true,
      taxable: null,
      images: [],
      metadata: {},
    },
    renamed: (fields) => ({ ...(fields as ProductFields), name: 'Renamed' }),
    emails: [null],
  },
  invoices: {
    full: INVOICE,
    // What an invoice cannot be without, or is given by the company where the venue leaves it out.
    minimal: {
      ...INVOICE,
      ...{ number: 'INV-8', dueAt: '2026-11-30T00:00:00.000Z', metadata: {} },
      lines: [
        {
          ...{ description: 'Four boxes', quantity: '4', unitAmount: '9', amountMinor: 3_600, taxMinor: 0 },
          productSourceId: 'product-1',
        },
      ],
    },
    renamed: (fields) => ({ ...(fields as InvoiceFields), number: 'INV-9' }),
    emails: [null],
  },
};

/**
 * At a provider that knows members by their addresses each record has one, and another record another one. A consent is
 * never given back there, so that no update clears it.
 */
const ADDRESSED: Samples = {
  full: CUSTOMER,
  minimal: {
    ...{ name: 'Only a name', email: CUSTOMER.email, phone: null, address: null },
    ...{ marketingConsent: CUSTOMER.marketingConsent, metadata: {} },
  },
  renamed: (fields) => ({ ...(fields as CustomerFields), name: 'Renamed', email: 'renamed@example.com' }),
  emails: ['ada@example.com'],
};

/** Samples of one provider alone. */
const OWN_SAMPLES: Readonly<Partial<Record<ProviderId, typeof SAMPLES>>> = { mailchimp: { customers: ADDRESSED } };

/** Kinds whose remote record is named by what the record says, and carries no id of ours: their writes have a suite of their own. */
const NAMED_BY_PLACE: ReadonlySet<Resource> = new Set(['inventory']);
export const isNamedByPlace = (resource: Resource): boolean => NAMED_BY_PLACE.has(resource);

export function samplesOf(resource: Resource, provider?: ProviderId): Samples {
  const samples = (provider !== undefined ? OWN_SAMPLES[provider]?.[resource] : undefined) ?? SAMPLES[resource];
  if (!samples) throw new Error(`no sample of ${resource}`);
  return samples;
}

export const aRecord = (fields: RecordFields): MappableRecord => ({ id: randomUUID(), sourceId: 'r-1', fields });
