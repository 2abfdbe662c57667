import { z } from 'zod';
import { currency } from '../common.ts';
import { amountMinor, metadata, metadataAnswer, text } from './fields.ts';
import { recordKind } from './record-kind.ts';

export const products = recordKind('products', {
  words: { one: 'Product', many: 'Products', a: 'a product', several: 'products' },
  id: 'productId',
  required: { name: z.string().min(1).max(1_000) },
  clearable: {
    description: z.string().max(40_000),
    sku: z.string().max(500),
    amountMinor: amountMinor
      .min(0)
      .meta({ description: 'The price in minor units of `currency`. Both are given or neither.', example: 1099 }),
    currency,
    active: z.boolean().meta({ description: 'True when it is left out or cleared.' }),
    taxable: z.boolean(),
    images: z
      .array(z.url({ protocol: /^https?$/, error: 'Must be a URL of http or https' }).max(2_048))
      .max(50)
      .meta({ description: 'URLs, at most 50.' }),
    metadata,
  },
  answer: {
    name: z.string(),
    description: text,
    sku: text,
    amountMinor: z.int().nullable(),
    currency: text,
    active: z.boolean(),
    taxable: z.boolean().nullable(),
    images: z.array(z.string()),
    metadata: metadataAnswer,
  },
});
