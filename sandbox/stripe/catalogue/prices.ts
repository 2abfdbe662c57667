import { currencyCode } from '../payments/currency.ts';
import type { Draft, Objekt } from '../state/draft.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { given } from '../../core/given.ts';
import { randomId } from '../../core/ids.ts';
import { mergeMetadata, metadata, metadataPatch } from '../http/metadata.ts';
import {
  boolean,
  clearable,
  hash,
  integer,
  list,
  missing,
  notSimulated,
  oneOf,
  readForm,
  requiredText,
  text,
} from '../http/params.ts';
import type { Read, Reader } from '../http/params.ts';
import { EMPTY_PRICE } from './price.ts';
import type { CurrencyOption, PriceFields } from './price.ts';
import { EMPTY_PRODUCT } from './product.ts';
import { equal, listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { searching } from '../http/search.ts';

const MAX_TEXT = 5_000;

/** Minor units with up to twelve decimal places. */
const decimal: Reader<string> = (value, param) => {
  if (typeof value === 'string' && /^\d{1,12}(\.\d{1,12})?$/.test(value)) return value;
  throw invalidRequest(`Invalid decimal: ${typeof value === 'string' ? value : 'object'}`, { param });
};

const taxBehavior = oneOf('exclusive', 'inclusive', 'unspecified');

const optionSpec = {
  custom_unit_amount: notSimulated,
  tax_behavior: taxBehavior,
  tiers: notSimulated,
  unit_amount: integer({ min: 0 }),
  unit_amount_decimal: decimal,
};

/** Reads amounts by currency. */
const currencyOptions: Reader<ReadonlyMap<string, CurrencyOption>> = (value, param) => {
  if (typeof value === 'string') throw invalidRequest('Invalid object', { param });
  return new Map(
    [...value].map(([key, option]) => {
      const name = `${param}[${key}]`;
      const { tax_behavior = 'unspecified', ...amounts } = hash(optionSpec)(option, name);
      if ((amounts.unit_amount === undefined) === (amounts.unit_amount_decimal === undefined))
        throw missing(`${name}[unit_amount]`);
      return [currencyCode(key, name), { tax_behavior, ...amountOf(amounts) }];
    }),
  );
};

/**
 * The parameters shared by `default_price_data` of a product and a price itself:
 * https://docs.stripe.com/api/prices/create (2026-11).
 */
export const priceDataSpec = {
  currency: currencyCode,
  currency_options: currencyOptions,
  custom_unit_amount: notSimulated,
  metadata,
  recurring: hash({
    interval: oneOf('day', 'week', 'month', 'year'),
    interval_count: integer({ min: 1, max: 156 }),
    trial_period_days: integer({ min: 1, max: 730 }),
    usage_type: oneOf('licensed'),
  }),
  tax_behavior: taxBehavior,
  unit_amount: integer({ min: 0 }),
  unit_amount_decimal: decimal,
};

const createSpec = {
  ...priceDataSpec,
  active: boolean,
  billing_scheme: oneOf('per_unit'),
  expand: expandable('price'),
  lookup_key: clearable(text(200)),
  nickname: clearable(text(MAX_TEXT)),
  product: requiredText(255),
  product_data: hash({
    active: boolean,
    id: requiredText(255),
    metadata,
    name: requiredText(250),
    statement_descriptor: text(22),
    unit_label: text(12),
  }),
  tiers: notSimulated,
  tiers_mode: notSimulated,
  transfer_lookup_key: boolean,
  transform_quantity: notSimulated,
};

/** Excludes the amount: another amount needs another price. */
const updateSpec = {
  active: boolean,
  currency_options: clearable(currencyOptions),
  expand: expandable('price'),
  lookup_key: clearable(text(200)),
  metadata,
  nickname: clearable(text(MAX_TEXT)),
  tax_behavior: taxBehavior,
  transfer_lookup_key: boolean,
};

export const listPrices = listing('price', {
  active: equal(boolean, ({ active }) => active),
  currency: equal(currencyCode, ({ currency }) => currency),
  lookup_keys: {
    read: list(requiredText(200), 10),
    accepts: ({ fields }, keys) => (keys as readonly string[]).includes(fields.lookup_key ?? ''),
  },
  product: { read: requiredText(255), key: 'product' },
  type: equal(oneOf('one_time', 'recurring'), ({ recurring }) => (recurring ? 'recurring' : 'one_time')),
});

export const retrievePrice = retrieval('price');

export const searchPrices = searching('price', { texts: ['active', 'currency', 'lookup_key', 'product', 'type'] });

export const createPrice = writing('price', (call, draft) => {
  const {
    expand,
    product_data: data,
    transfer_lookup_key: transfer = false,
    ...params
  } = readForm(call.params, createSpec);
  if ((params.product === undefined) === (data === undefined))
    throw invalidRequest('You must specify either `product` or `product_data` when creating a price.');
  const product = params.product ?? productOf(draft, data ?? {});
  named(draft, 'product', { id: product, param: 'product' });
  if (params.lookup_key != null) freeLookupKey(draft, params.lookup_key, { transfer, keptBy: null });
  return { object: makePrice(draft, { ...params, product }), expand };
});

export const updatePrice = writing('price', (call, draft) => {
  const before = subject(call, draft, 'price');
  const {
    expand,
    transfer_lookup_key: transfer = false,
    metadata: keys,
    currency_options: options,
    ...params
  } = readForm(call.params, updateSpec);
  if (params.active === false && draft.find('product', before.fields.product)?.fields.default_price === before.id) {
    throw invalidRequest('This price cannot be archived because it is the default price of its product.');
  }
  if (
    params.tax_behavior !== undefined &&
    before.fields.tax_behavior !== 'unspecified' &&
    params.tax_behavior !== before.fields.tax_behavior
  ) {
    throw invalidRequest('You cannot change the tax behavior of a price once it is set.', { param: 'tax_behavior' });
  }
  if (params.lookup_key != null) freeLookupKey(draft, params.lookup_key, { transfer, keptBy: before.id });
  const patch = {
    ...given(params),
    ...metadataPatch(before.fields.metadata, keys),
    ...optionsPatch(before.fields, options),
  };
  return { object: draft.change('price.updated', { kind: 'price', before, patch }), expand };
});

type PriceParams = Omit<Read<typeof createSpec>, 'expand' | 'product_data'> & { readonly product: string };

/** Adds a price with its event. Throws a `Failure` without a currency or an amount. */
export function makePrice(draft: Draft, params: PriceParams): Objekt<'price'> {
  checkPrice(params);
  const {
    currency = '',
    currency_options: options = new Map(),
    product,
    metadata: keys,
    recurring,
    active,
    lookup_key,
    nickname,
    tax_behavior,
  } = params;
  const fields: PriceFields = {
    ...EMPTY_PRICE,
    ...given({ active, lookup_key, nickname, tax_behavior }),
    currency,
    currency_options: optionsBeside(currency, options),
    product,
    metadata: mergeMetadata({}, keys ?? new Map()),
    recurring: recurring
      ? {
          interval: recurring.interval ?? 'month',
          interval_count: recurring.interval_count ?? 1,
          trial_period_days: recurring.trial_period_days ?? null,
        }
      : null,
    ...amountOf(params),
  };
  const object = draft.insert('price', { id: randomId('price_1', 23), fields });
  draft.tell('price.created', { kind: 'price', object });
  return object;
}

function amountOf({
  unit_amount: whole,
  unit_amount_decimal: fraction,
}: {
  readonly unit_amount?: number;
  readonly unit_amount_decimal?: string;
}): Pick<PriceFields, 'unit_amount' | 'unit_amount_decimal'> {
  const amount = fraction ?? String(whole);
  return {
    unit_amount: /\.\d*[1-9]/.test(amount) ? null : Math.trunc(Number(amount)),
    unit_amount_decimal: amount.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''),
  };
}

/** A patch of the price's fields. Keeps options that were not named; null removes them all. */
function optionsPatch(
  { currency, currency_options: before }: PriceFields,
  changes: ReadonlyMap<string, CurrencyOption> | null | undefined,
): Partial<PriceFields> {
  if (changes === undefined) return {};
  return { currency_options: changes === null ? {} : { ...before, ...optionsBeside(currency, changes) } };
}

/** Rejects an option in the price's own currency, which would state the amount twice. */
function optionsBeside(
  currency: string,
  options: ReadonlyMap<string, CurrencyOption>,
): Readonly<Record<string, CurrencyOption>> {
  if (options.has(currency))
    throw invalidRequest(`The currency ${currency} is the price's own, and cannot be one of its currency options.`, {
      param: `currency_options[${currency}]`,
    });
  return Object.fromEntries(options);
}

function checkPrice(params: Pick<PriceParams, 'currency' | 'recurring' | 'unit_amount' | 'unit_amount_decimal'>): void {
  if (params.currency === undefined) throw missing('currency');
  if ((params.unit_amount === undefined) === (params.unit_amount_decimal === undefined)) {
    throw invalidRequest(
      'You must specify exactly one of `unit_amount`, `unit_amount_decimal` and `custom_unit_amount`.',
    );
  }
  if (params.recurring && params.recurring.interval === undefined) throw missing('recurring[interval]');
}

function productOf(
  draft: Draft,
  { id = randomId('prod_', 14), name, metadata: keys, ...rest }: NonNullable<Read<typeof createSpec>['product_data']>,
): string {
  if (name === undefined) throw missing('product_data[name]');
  const fields = {
    ...EMPTY_PRODUCT,
    ...given(rest),
    name,
    metadata: mergeMetadata({}, keys ?? new Map()),
    updated: draft.nowSeconds,
  };
  const object = draft.insert('product', { id, fields });
  draft.tell('product.created', { kind: 'product', object });
  return id;
}

/** A lookup key belongs to one price: takes it from its holder when the request allows that, else refuses. */
function freeLookupKey(
  draft: Draft,
  key: string,
  { transfer, keptBy }: { readonly transfer: boolean; readonly keptBy: string | null },
): void {
  for (const holder of draft.where('price', 'lookup_key', key)) {
    if (holder.id === keptBy) continue;
    if (!transfer)
      throw invalidRequest(`A price (\`${holder.id}\`) already uses that lookup key.`, { param: 'lookup_key' });
    draft.change('price.updated', { kind: 'price', before: holder, patch: { lookup_key: null } });
  }
}
