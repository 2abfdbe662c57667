import { randomUUID } from 'node:crypto';
import type { Resource } from '../../contracts/providers.ts';
import type { CustomerFields } from '../../records/customers.ts';
import type { ProductFields } from '../../records/products.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { MappableRecord } from '../../providers/provider.ts';

/** Records of one resource, as every provider that takes it must take them. */
export interface Samples {
  /** Every field set. */
  readonly full: RecordFields;
  /** Everything empty that may be. */
  readonly minimal: RecordFields;
  readonly renamed: (fields: RecordFields) => RecordFields;
  /** What a record is looked for by besides our id, if anything. */
  readonly emails: readonly (string | null)[];
}

const CUSTOMER: CustomerFields = {
  name: 'Ada',
  email: 'ada@example.com',
  phone: '+49301',
  address: { line1: '1 High Street', line2: null, city: 'Bonn', region: null, postalCode: '53111', country: 'Germany' },
  marketingConsent: true,
  metadata: { tier: 'gold' },
};
const PRODUCT: ProductFields = {
  name: 'Chai',
  description: 'Ten boxes of twenty bags',
  sku: 'CH-1',
  amountMinor: 1_800,
  currency: 'EUR',
  active: true,
  taxable: true,
  images: ['https://example.com/chai.png'],
  metadata: { shelf: '7' },
};

export const SAMPLES: Readonly<Partial<Record<Resource, Samples>>> = {
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
};

export function samplesOf(resource: Resource): Samples {
  const samples = SAMPLES[resource];
  if (!samples) throw new Error(`no sample of ${resource}`);
  return samples;
}

export const aRecord = (fields: RecordFields): MappableRecord => ({ id: randomUUID(), sourceId: 'r-1', fields });
