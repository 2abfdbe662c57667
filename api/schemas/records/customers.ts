import { z } from 'zod';
import type { Address } from '../../../contracts/records.ts';
import { orNull } from '../common.ts';
import { email, metadata, metadataAnswer, text } from './fields.ts';
import { recordKind } from './record-kind.ts';

const addressLine = z.string().max(500).nullable().optional();
const address = z
  .strictObject({
    line1: addressLine,
    line2: addressLine,
    city: addressLine,
    region: addressLine,
    postalCode: addressLine,
    country: addressLine,
  })
  .transform((given): Address => ({
    line1: given.line1 ?? null,
    line2: given.line2 ?? null,
    city: given.city ?? null,
    region: given.region ?? null,
    postalCode: given.postalCode ?? null,
    country: given.country ?? null,
  }))
  .meta({ description: 'Replaced as a whole.' });

export const customers = recordKind('customers', {
  words: { one: 'Customer', many: 'Customers', a: 'a customer', several: 'customers' },
  id: 'customerId',
  required: {},
  clearable: {
    name: z.string().max(1_000),
    email,
    phone: z.string().max(50),
    address,
    marketingConsent: z.boolean(),
    metadata,
  },
  answer: {
    name: text,
    email: text,
    phone: text,
    address: orNull(
      z
        .object({ line1: text, line2: text, city: text, region: text, postalCode: text, country: text })
        .meta({ id: 'Address' }),
    ),
    marketingConsent: z.boolean().nullable(),
    metadata: metadataAnswer,
  },
});
