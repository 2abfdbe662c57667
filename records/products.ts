import { amount, boolean, currency, defaulted, metadata, required, text, urls } from './field.ts';
import { defineRecordKind } from './record-kind.ts';
import type { FieldsOf } from './record-kind.ts';

export const products = defineRecordKind({
  name: 'products',
  words: { one: 'Product', many: 'Products', a: 'a product', several: 'products' },
  idName: 'productId',
  description: 'What the venue sells.',
  fields: {
    name: required(text({ minLength: 1, maxLength: 1_000 })),
    description: text({ maxLength: 40_000 }),
    sku: text({ maxLength: 500 }),
    amountMinor: amount({
      min: 0,
      description: 'The price in minor units of `currency`. Both are given or neither.',
      example: 1099,
    }),
    currency: currency(),
    active: defaulted(boolean({ description: 'True when it is left out or cleared.' }), true),
    taxable: boolean(),
    images: urls({ maxItems: 50, description: 'URLs, at most 50.' }),
    metadata: metadata(),
  },
  together: [['amountMinor', 'currency']],
});

export type ProductFields = FieldsOf<typeof products>;
