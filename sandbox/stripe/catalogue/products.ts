import { Draft } from '../state/draft.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { metadata, metadataPatch } from '../http/metadata.ts';
import {
  boolean,
  clearable,
  hash,
  list,
  missing,
  notSimulated,
  oneOf,
  readForm,
  requiredText,
  text,
} from '../http/params.ts';
import type { Read, Reader } from '../http/params.ts';
import { makePrice, priceDataSpec } from './prices.ts';
import { EMPTY_PRODUCT } from './product.ts';
import type { ProductFields } from './product.ts';
import { equal, listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { searching } from '../http/search.ts';

const MAX_TEXT = 5_000;

const dimension: Reader<number> = (value, param) => {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  if (!(number >= 0))
    throw invalidRequest(`Invalid decimal: ${typeof value === 'string' ? value : 'object'}`, { param });
  return number;
};

/** https://docs.stripe.com/api/products/update (2026-11). */
const sharedSpec = {
  active: boolean,
  description: clearable(text(40_000)),
  expand: expandable('product'),
  images: clearable(list(text(2_048), 8)),
  marketing_features: clearable(list(hash({ name: requiredText(80) }), 15)),
  metadata,
  name: requiredText(250),
  package_dimensions: clearable(hash({ height: dimension, length: dimension, weight: dimension, width: dimension })),
  shippable: clearable(boolean),
  statement_descriptor: clearable(text(22)),
  tax_code: clearable(text(MAX_TEXT)),
  tax_details: notSimulated,
  unit_label: clearable(text(12)),
  url: clearable(text(MAX_TEXT)),
};

const createSpec = {
  ...sharedSpec,
  default_price_data: hash(priceDataSpec),
  id: requiredText(255),
  type: oneOf('good', 'service'),
};
const updateSpec = { ...sharedSpec, default_price: clearable(text(255)) };

export const listProducts = listing('product', {
  active: equal(boolean, ({ active }) => active),
  ids: { read: list(requiredText(255), 100), accepts: ({ id }, ids) => (ids as readonly string[]).includes(id) },
  shippable: equal(boolean, ({ shippable }) => shippable),
  type: equal(oneOf('good', 'service'), ({ type }) => type),
  url: { read: text(MAX_TEXT), key: 'url' },
});

export const retrieveProduct = retrieval('product');

export const searchProducts = searching('product', { texts: ['active', 'description', 'name', 'shippable', 'url'] });

export const createProduct = writing('product', (call, draft) => {
  const {
    expand,
    default_price_data: price,
    id = randomId('prod_', 14),
    type,
    ...params
  } = readForm(call.params, createSpec);
  if (params.name === undefined) throw missing('name');
  if (draft.find('product', id))
    throw invalidRequest('Product already exists.', { code: 'resource_already_exists', param: 'id' });
  const fields = { ...EMPTY_PRODUCT, ...(type && { type }), updated: draft.nowSeconds };
  let object = draft.insert('product', { id, fields: { ...fields, ...merged(params, fields) } });
  if (price)
    object = draft.update('product', object, { default_price: makePrice(draft, { ...price, product: id }).id });
  draft.tell('product.created', { kind: 'product', object });
  return { object, expand };
});

export const updateProduct = writing('product', (call, draft) => {
  const before = subject(call, draft, 'product');
  const { expand, default_price: price, ...params } = readForm(call.params, updateSpec);
  if (price != null) checkDefault(draft, { price, product: before.id });
  const patch = { ...merged(params, before.fields), ...(price !== undefined && { default_price: price }) };
  const changed = Object.entries(patch).some(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(before.fields[key as keyof ProductFields]),
  );
  if (!changed) return { object: before, expand };
  return {
    object: draft.change('product.updated', {
      kind: 'product',
      before,
      patch: { ...patch, updated: draft.nowSeconds },
    }),
    expand,
  };
});

export const deleteProduct: Endpoint = (call) => {
  readForm(call.params, {});
  const draft = new Draft(call);
  const object = subject(call, draft, 'product');
  if (draft.where('price', 'product', object.id).length > 0) {
    throw invalidRequest('This product cannot be deleted because it has one or more user-created prices.');
  }
  draft.remove('product', object);
  draft.tell('product.deleted', { kind: 'product', object });
  return { body: JSON.stringify({ id: object.id, object: 'product', deleted: true }), changes: draft.changes };
};

function checkDefault(draft: Draft, { price, product }: { readonly price: string; readonly product: string }): void {
  const found = named(draft, 'price', { id: price, param: 'default_price' });
  if (found.fields.product !== product) {
    throw invalidRequest(`The price \`${price}\` does not belong to the product \`${product}\`.`, {
      param: 'default_price',
    });
  }
  if (!found.fields.active)
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', {
      param: 'default_price',
    });
}

/** Merges the request's parameters into the existing fields. */
function merged(params: Read<Omit<typeof sharedSpec, 'expand'>>, before: ProductFields): Partial<ProductFields> {
  const { images, marketing_features: features, package_dimensions: box, metadata: keys, ...plain } = params;
  return {
    ...given(plain),
    ...(images !== undefined && { images: images ?? [] }),
    ...(features !== undefined && { marketing_features: (features ?? []).map(({ name = '' }) => ({ name })) }),
    ...(box !== undefined && {
      package_dimensions: box && { height: 0, length: 0, weight: 0, width: 0, ...given(box) },
    }),
    ...metadataPatch(before.metadata, keys),
  };
}
