import type { Lookup } from '../http/expansion.ts';

/** An object as the API shows it, with the fields that the upgrades below read. */
interface Shown {
  readonly id: string;
  readonly object: string;
  readonly status?: unknown;
  readonly payment_intent?: unknown;
  readonly refunds?: unknown;
  readonly lines?: unknown;
  readonly parent?: unknown;
}

/** One breaking change of Stripe's API, with the function that restores the earlier shape. */
interface Upgrade {
  readonly since: string;
  readonly object: string;
  readonly undo: (object: Shown, lookup: Lookup) => object;
}

const listOf = (data: readonly object[], url: string) => ({ object: 'list', data, has_more: false, url });
const without = (object: object, ...fields: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));
const payments = (lookup: Lookup, key: 'invoice' | 'payment_intent', id: string) =>
  lookup.list('invoice_payment', key, id) as {
    readonly invoice: string;
    readonly status: string;
    readonly payment: { readonly payment_intent: string };
  }[];

/**
 * Newest first: undoing every later change gives an old version's shape. Includes only changes to fields that clients
 * read, a small part of https://docs.stripe.com/changelog (read 2026-11-28).
 */
const UPGRADES: readonly Upgrade[] = [
  // https://docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices and …/adds-new-parent-field-to-invoicing-objects
  { since: '2025-03-31', object: 'invoice', undo: invoiceBeforeBasil },
  {
    since: '2025-03-31',
    object: 'charge',
    undo: (charge, lookup) => ({ ...charge, invoice: invoiceOf(lookup, charge.payment_intent) }),
  },
  {
    since: '2025-03-31',
    object: 'payment_intent',
    undo: (intent, lookup) => ({ ...intent, invoice: invoiceOf(lookup, intent.id) }),
  },
  // https://docs.stripe.com/changelog/2022-11-15. That older versions lack `latest_charge` is undocumented; the sandbox
  // assumes the harsher case.
  {
    since: '2022-11-15',
    object: 'charge',
    undo: (charge, lookup) => ({
      ...charge,
      refunds: listOf(lookup.list('refund', 'charge', charge.id), `/v1/charges/${charge.id}/refunds`),
    }),
  },
  {
    since: '2022-11-15',
    object: 'payment_intent',
    undo: (intent, lookup) => ({
      ...without(intent, 'latest_charge'),
      charges: listOf(lookup.list('charge', 'payment_intent', intent.id), `/v1/charges?payment_intent=${intent.id}`),
    }),
  },
  // https://docs.stripe.com/changelog/2020-08-27/deprecates-auto-expansion-customer-sources
  {
    since: '2020-08-27',
    object: 'customer',
    undo: (customer) => ({ ...customer, sources: listOf([], `/v1/customers/${customer.id}/sources`) }),
  },
  // https://docs.stripe.com/changelog/2015-02-18
  {
    since: '2015-02-18',
    object: 'charge',
    undo: (charge) => ({ ...charge, status: charge.status === 'succeeded' ? 'paid' : charge.status }),
  },
  {
    since: '2015-02-18',
    object: 'customer',
    undo: (customer) => ({ ...customer, cards: listOf([], `/v1/customers/${customer.id}/cards`), default_card: null }),
  },
  // https://docs.stripe.com/changelog/2014-06-17/invoices-include-refunds-sublist-refunds-field
  {
    since: '2014-06-17',
    object: 'charge',
    undo: (charge) => ({ ...charge, refunds: (charge.refunds as { readonly data: readonly object[] }).data }),
  },
];

function invoiceOf(lookup: Lookup, intent: unknown): string | null {
  return typeof intent === 'string' ? (payments(lookup, 'payment_intent', intent)[0]?.invoice ?? null) : null;
}

function invoiceBeforeBasil({ parent, lines, ...invoice }: Shown, lookup: Lookup): object {
  const listed = lines as { readonly data: readonly object[] };
  const subscribed = parent as { readonly subscription_details: { readonly subscription: string } | null } | null;
  const intent = payments(lookup, 'invoice', invoice.id)[0]?.payment.payment_intent ?? null;
  const charge =
    intent === null
      ? null
      : (lookup.object('payment_intent', intent) as { readonly latest_charge: string | null } | null)?.latest_charge;
  return {
    ...invoice,
    charge: charge ?? null,
    lines: { ...listed, data: listed.data.map((line) => without(line, 'parent', 'pricing')) },
    paid: invoice.status === 'paid',
    paid_out_of_band: invoice.status === 'paid' && intent === null,
    payment_intent: intent,
    subscription: subscribed?.subscription_details?.subscription ?? null,
  };
}

/** An object in the shape of an API version. Compares versions by their date. */
export function inVersion(version: string, object: object, lookup: Lookup): object {
  const isOlder = ({ since }: Upgrade) => version.slice(0, since.length) < since;
  return UPGRADES.filter((upgrade) => isOlder(upgrade) && upgrade.object === (object as Shown).object).reduce(
    (now, { undo }) => undo(now as Shown, lookup),
    object,
  );
}

/** Whether an account of this version receives an event: the invoice payment object was added in 2025-03-31.basil. */
export const hearsOf = (version: string, type: string) =>
  !type.startsWith('invoice_payment.') || version >= '2025-03-31';
