import { decimal, instant, metadata, required, sourceIdOf, text } from './field.ts';
import { defineRecordKind } from './record-kind.ts';
import type { FieldsOf } from './record-kind.ts';

export const inventory = defineRecordKind({
  name: 'inventory',
  table: 'inventory_levels',
  words: { one: 'InventoryLevel', many: 'Inventory', a: 'an inventory level', several: 'inventory levels' },
  idName: 'inventoryId',
  description: 'How much of a product there is in one place.',
  fields: {
    productSourceId: required(
      sourceIdOf('products', { description: '`sourceId` of the product. The product may arrive later.' }),
    ),
    location: required(text({ minLength: 1, maxLength: 255 })),
    // A decimal, because some shops sell by weight.
    quantity: required(decimal()),
    countedAt: required(instant()),
    metadata: metadata(),
  },
  references: { product: 'productSourceId' },
});

export type InventoryFields = FieldsOf<typeof inventory>;
