import type { Resource } from '../../contracts/providers.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { samplesOf } from './records.ts';

/** Values of one resource for the tests of two-way runs. */
export interface TwoWaySamples {
  readonly fields: RecordFields;
  /** With this, the provider's object can be deleted for good; absent where any can. */
  readonly deletable?: RecordFields;
  /** Changes of different fields, one for each side. */
  readonly changes: readonly [RecordFields, ...(readonly RecordFields[])];
  /** Changes of the same fields to different values. */
  readonly conflict: Readonly<Record<'venue' | 'provider' | 'chosen', RecordFields>>;
}

// Square orders counts by the time at which they were made.
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

const TWO_WAY_SAMPLES: Readonly<Partial<Record<Resource, TwoWaySamples>>> = {
  customers: {
    fields: samplesOf('customers').full,
    changes: [{ name: 'Ada Lovelace' }, { email: 'lovelace@example.com' }, { phone: '+4930999999999' }],
    conflict: { venue: { name: 'Venue' }, provider: { name: 'Provider' }, chosen: { name: 'Chosen' } },
  },
  products: {
    fields: samplesOf('products').full,
    // Stripe deletes no product that has a price.
    deletable: samplesOf('products').minimal,
    changes: [{ name: 'Masala chai' }, { amountMinor: 2_500 }, { description: 'A box of forty' }],
    conflict: { venue: { name: 'Venue' }, provider: { name: 'Provider' }, chosen: { name: 'Chosen' } },
  },
  invoices: {
    fields: samplesOf('invoices').full,
    changes: [{ number: 'INV-71' }, { dueAt: '2026-12-24T00:00:00.000Z' }, { issuedAt: '2026-11-09T00:00:00.000Z' }],
    conflict: { venue: { number: 'INV-V' }, provider: { number: 'INV-P' }, chosen: { number: 'INV-C' } },
  },
  inventory: {
    fields: { quantity: '5', countedAt: ago(60), metadata: {} },
    changes: [{ quantity: '7', countedAt: ago(50) }],
    conflict: {
      venue: { quantity: '8', countedAt: ago(20) },
      provider: { quantity: '9', countedAt: ago(30) },
      chosen: { quantity: '10', countedAt: ago(10) },
    },
  },
};

export function twoWaySamplesOf(resource: Resource): TwoWaySamples {
  const samples = TWO_WAY_SAMPLES[resource];
  if (!samples) throw new Error(`no sample of ${resource} for two-way runs`);
  return samples;
}

/** The names of the fields in which a test compares both sides. */
export const comparedIn = (fields: RecordFields): readonly string[] =>
  Object.keys(fields).filter((name) => name !== 'countedAt');
