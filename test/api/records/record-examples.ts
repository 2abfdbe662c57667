import type { KindName } from '../../support/record-types.ts';

/**
 * Examples for each resource: a record with all fields, the required fields, and the result when only those are sent.
 */
export const EXAMPLES: Readonly<
  Record<KindName, { readonly full: object; readonly required: object; readonly rest: object }>
> = {
  products: {
    full: {
      name: 'Espresso “Doppio”',
      description: 'Two shots',
      sku: 'ESP-2',
      amountMinor: 280,
      currency: 'EUR',
      active: false,
      taxable: true,
      images: ['https://images.example.com/1.jpg'],
      metadata: { shelf: '7' },
    },
    required: { name: 'Espresso' },
    rest: {
      description: null,
      sku: null,
      amountMinor: null,
      currency: null,
      active: true,
      taxable: null,
      images: [],
      metadata: {},
    },
  },
  customers: {
    full: {
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      phone: '+44 20 7946 0000',
      address: {
        line1: '12 St James’s Square',
        line2: null,
        city: 'London',
        region: null,
        postalCode: 'SW1Y 4JH',
        country: 'GB',
      },
      marketingConsent: true,
      metadata: { tier: 'gold' },
    },
    required: {},
    rest: { name: null, email: null, phone: null, address: null, marketingConsent: null, metadata: {} },
  },
  inventory: {
    full: {
      productSourceId: 'ESP',
      location: 'Counter',
      quantity: '-2.50',
      countedAt: '2026-03-29T01:30:00.123Z',
      metadata: { by: 'Ann' },
    },
    required: {
      productSourceId: 'ESP',
      location: 'Counter',
      quantity: '123456789012345678.123456789',
      countedAt: '2026-03-29T01:30:00.000Z',
    },
    rest: { metadata: {} },
  },
  transactions: {
    full: {
      kind: 'refund',
      occurredAt: '2026-10-25T00:30:00.000Z',
      amountMinor: -9_007_199_254_740_991,
      currency: 'JPY',
      feeMinor: -12,
      status: 'succeeded',
      posted: true,
      customerSourceId: 'ADA',
      lines: [
        { description: 'Espresso', quantity: '2', amountMinor: 560, productSourceId: 'ESP' },
        { description: null, quantity: null, amountMinor: 1, productSourceId: null },
      ],
      metadata: { till: '1' },
    },
    required: {
      kind: 'payment',
      occurredAt: '2026-10-25T00:30:00.000Z',
      amountMinor: 0,
      currency: 'EUR',
      status: 'pending',
    },
    rest: { feeMinor: null, posted: null, customerSourceId: null, relatedTransactionId: null, lines: [], metadata: {} },
  },
  invoices: {
    full: {
      number: 'INV-0042',
      status: 'open',
      issuedAt: '2026-10-25T00:30:00.000Z',
      dueAt: '2026-11-24T00:00:00.000Z',
      customerSourceId: 'ADA',
      currency: 'EUR',
      subtotalMinor: 2_600,
      taxMinor: 494,
      totalMinor: 3_094,
      amountDueMinor: 3_094,
      lines: [
        {
          description: 'Coffee',
          quantity: '2.5',
          unitAmount: '10.4',
          amountMinor: 2_600,
          taxMinor: 494,
          productSourceId: 'ESP',
        },
        { description: null, quantity: null, unitAmount: null, amountMinor: 0, taxMinor: null, productSourceId: null },
      ],
      metadata: { till: '1' },
    },
    required: { status: 'draft', currency: 'EUR', totalMinor: 0 },
    rest: {
      number: null,
      issuedAt: null,
      dueAt: null,
      customerSourceId: null,
      subtotalMinor: null,
      taxMinor: null,
      amountDueMinor: null,
      lines: [],
      metadata: {},
    },
  },
};
