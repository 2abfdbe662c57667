import type { AccountState } from '../state/account-state.ts';
import { invalidRequest } from './failure.ts';
import { urlOf } from './objects.ts';
import type { Kind } from './objects.ts';
import { list, text } from './params.ts';
import type { Reader } from './params.ts';
import { renderCurrencyOptions } from '../catalogue/price.ts';
import type { PriceFields } from '../catalogue/price.ts';

type Json = Record<string, unknown>;

/**
 * How a field that `expand[]` may name expands: an id of one of these kinds; a list or a price field shown only on
 * request; or a field that is always null in the sandbox.
 */
type Rule = { readonly to: readonly Kind[] } | ListRule | HiddenRule | 'null';

interface ListRule {
  readonly list: Kind;
  readonly by: string;
}

interface HiddenRule {
  readonly hidden: (price: PriceFields) => object;
}

const to = (...kinds: readonly Kind[]): Rule => ({ to: kinds });

/** The expandable fields of each kind, by path: https://docs.stripe.com/api/expanding_objects (2026-11). */
const RULES: { readonly [K in Kind]?: Readonly<Record<string, Rule>> } = {
  customer: {
    default_source: 'null',
    discount: 'null',
    'invoice_settings.default_payment_method': 'null',
    test_clock: to('test_clock'),
  },
  product: { default_price: to('price'), tax_code: 'null' },
  price: { currency_options: { hidden: renderCurrencyOptions }, product: to('product') },
  payment_intent: { customer: to('customer'), latest_charge: to('charge'), review: 'null', on_behalf_of: 'null' },
  charge: {
    balance_transaction: to('balance_transaction'),
    failure_balance_transaction: to('balance_transaction'),
    customer: to('customer'),
    payment_intent: to('payment_intent'),
    application_fee: 'null',
    refunds: { list: 'refund', by: 'charge' },
    review: 'null',
  },
  balance_transaction: { source: to('charge', 'refund', 'dispute', 'payout') },
  refund: {
    balance_transaction: to('balance_transaction'),
    failure_balance_transaction: to('balance_transaction'),
    charge: to('charge'),
    payment_intent: to('payment_intent'),
  },
  dispute: { charge: to('charge'), payment_intent: to('payment_intent') },
  payout: { balance_transaction: to('balance_transaction') },
  invoice: {
    customer: to('customer'),
    'parent.subscription_details.subscription': to('subscription'),
    payments: { list: 'invoice_payment', by: 'invoice' },
    test_clock: to('test_clock'),
  },
  invoiceitem: { customer: to('customer'), invoice: to('invoice') },
  invoice_payment: { invoice: to('invoice'), 'payment.payment_intent': to('payment_intent') },
  subscription: {
    customer: to('customer'),
    latest_invoice: to('invoice'),
    'items.data.price.product': to('product'),
    pending_setup_intent: 'null',
    test_clock: to('test_clock'),
  },
};

interface Step {
  readonly path: string;
  readonly rule: Rule;
  readonly next: Plan;
}

/** A validated `expand[]`. */
export type Plan = readonly Step[];

/** Reads `expand[]` for a kind; null means that nothing can be expanded. Throws a `Failure` for a field that cannot. */
export function expandable(kind: Kind | null, { within = '' }: { readonly within?: string } = {}): Reader<Plan> {
  const read = list(text(255), 20);
  return (value, param) =>
    read(value, param).map((field) => {
      const step = kind !== null && field.startsWith(within) ? stepFor([kind], field.slice(within.length)) : null;
      if (!step) throw invalidRequest(`This property cannot be expanded (${field}).`, { param });
      return step;
    });
}

/** Like `expandable`, for a list of the kind: each field begins with `data.`. */
export function expandableInList(kind: Kind): Reader<Plan> {
  return expandable(kind, { within: 'data.' });
}

/** Where expansion looks objects up. Returns copies, which the caller may modify. */
export interface Lookup {
  object(kind: Kind, id: string): object | null;
  price(id: string): PriceFields | null;
  /** The objects of a kind whose `key` is `value`, newest first. */
  list(kind: Kind, key: string, value: string): object[];
}

/** Looks up the current objects of an account. */
export function lookupIn(account: AccountState, nowSeconds: number): Lookup {
  const parsed = (kind: Kind, row: Parameters<ReturnType<typeof account.table>['json']>[0]) =>
    JSON.parse(account.table(kind).json(row, nowSeconds)) as object;
  return {
    object(kind, id) {
      const table = account.table(kind);
      const row = table.rows.get(id);
      if (row) return parsed(kind, row);
      return table.deleted.has(id) ? { id, object: kind, deleted: true } : null;
    },
    price: (id) => account.table('price').get(id)?.fields ?? null,
    list: (kind, key, value) =>
      [...account.table(kind).indexed(key, value).newestFirst()].map((row) => parsed(kind, row)),
  };
}

/** Replaces ids by their objects. Modifies the given object. */
export function expandObject(lookup: Lookup, object: object, plan: Plan): object {
  for (const { path, rule, next } of plan) {
    if (rule === 'null') continue;
    if ('to' in rule)
      replaceAt(object as Json, path.split('.'), (value) => expanded(lookup, value, { kinds: rule.to, plan: next }));
    else if ('hidden' in rule) revealAt(lookup, object, { path, rule });
    else
      Object.assign(object, { [path]: listOf(lookup, (object as { readonly id: string }).id, { rule, plan: next }) });
  }
  return object;
}

/** Replaces an id by its object. Expands further what an earlier path has already expanded. */
function expanded(
  lookup: Lookup,
  value: unknown,
  { kinds, plan }: { readonly kinds: readonly Kind[]; readonly plan: Plan },
): unknown {
  if (typeof value === 'object' && value !== null) return expandObject(lookup, value, plan);
  for (const kind of kinds) {
    const object = typeof value === 'string' ? lookup.object(kind, value) : null;
    if (object) return expandObject(lookup, object, plan);
  }
  return value;
}

function listOf(lookup: Lookup, owner: string, { rule, plan }: { readonly rule: ListRule; readonly plan: Plan }) {
  const data = lookup.list(rule.list, rule.by, owner).map((object) => expandObject(lookup, object, plan));
  return { object: 'list', data, has_more: false, url: `${urlOf(rule.list)}?${rule.by}=${owner}` };
}

function revealAt(
  lookup: Lookup,
  object: object,
  { path, rule }: { readonly path: string; readonly rule: HiddenRule },
): void {
  const fields = lookup.price((object as { readonly id: string }).id);
  if (fields) Object.assign(object, { [path]: rule.hidden(fields) });
}

function replaceAt(at: Json, [key = '', ...rest]: readonly string[], replace: (value: unknown) => unknown): void {
  const value = at[key];
  if (rest.length === 0) {
    if (value !== null && value !== undefined) at[key] = replace(value);
    return;
  }
  for (const inner of Array.isArray(value) ? (value as unknown[]) : [value]) {
    if (typeof inner === 'object' && inner !== null) replaceAt(inner as Json, rest, replace);
  }
}

/** The step for a path: its first parts name a field, and the rest continues inside that field. */
function stepFor(kinds: readonly Kind[], path: string): Step | null {
  for (const kind of kinds) {
    for (const [field, rule] of Object.entries(RULES[kind] ?? {})) {
      if (path === field) return { path: field, rule, next: [] };
      if (!path.startsWith(`${field}.`)) continue;
      const next = stepWithin(rule, path.slice(field.length + 1));
      if (next) return { path: field, rule, next: [next] };
    }
  }
  return null;
}

/** The step for the rest of a path inside a field. */
function stepWithin(rule: Rule, rest: string): Step | null {
  if (rule === 'null' || 'hidden' in rule) return null;
  if ('to' in rule) return stepFor(rule.to, rest);
  return rest.startsWith('data.') ? stepFor([rule.list], rest.slice('data.'.length)) : null;
}
