import { z } from 'zod';
import { instant, sourceId, timestamp } from '../common.ts';
import { decimal, metadata, metadataAnswer } from './fields.ts';
import { recordKind } from './record-kind.ts';

export const inventory = recordKind('inventory', {
  words: { one: 'InventoryLevel', many: 'Inventory', a: 'an inventory level', several: 'inventory levels' },
  id: 'inventoryId',
  required: {
    productSourceId: sourceId.meta({ description: '`sourceId` of the product. The product may arrive later.' }),
    location: z.string().min(1).max(255),
    quantity: decimal,
    countedAt: instant,
  },
  clearable: { metadata },
  answer: {
    productSourceId: z.string(),
    location: z.string(),
    quantity: z.string().meta({ description: 'A decimal number, as a string.' }),
    countedAt: timestamp,
    metadata: metadataAnswer,
  },
});
