import { RecordState } from '../../core/record-state.ts';
import type { WireObject } from '../../core/record-state.ts';

export type { WireObject } from '../../core/record-state.ts';

/** The collections of an organisation, as paths name them. */
export const ENTITIES = [
  'Contacts',
  'Items',
  'Accounts',
  'Invoices',
  'Payments',
  'CreditNotes',
  'BankTransactions',
] as const;
export type Entity = (typeof ENTITIES)[number];

export const KINDS = [...ENTITIES, 'side-effects'] as const;
export type Kind = (typeof KINDS)[number];

/** The property with the id of an object of each collection. */
export const ID_OF: Readonly<Record<Entity, string>> = {
  Contacts: 'ContactID',
  Items: 'ItemID',
  Accounts: 'AccountID',
  Invoices: 'InvoiceID',
  Payments: 'PaymentID',
  CreditNotes: 'CreditNoteID',
  BankTransactions: 'BankTransactionID',
};

/** Everything that the organisations have. */
export type XeroState = RecordState<Kind>;

export const openXeroState = (home: string | undefined): Promise<XeroState> => RecordState.open(home, 'xero-records');

/** One organisation’s part of the state, at the time of a request. */
export interface Organisation {
  readonly state: XeroState;
  /** The tenant id. */
  readonly id: string;
  readonly name: string;
  readonly baseCurrency: string;
  readonly nowMs: number;
}

/** A time as Xero writes it: milliseconds since 1970 in UTC; the offset says nothing more. */
export const dateOf = (atMs: number): string => `/Date(${atMs}+0000)/`;

/** A day of the organisation, which has no zone, as Xero writes it in `Date` and `DueDate`. */
export const dayOf = (day: string): string => dateOf(Date.parse(`${day.slice(0, 10)}T00:00:00Z`));

/** Milliseconds of a time in either of Xero’s forms; NaN for anything else. */
export function msOf(value: unknown): number {
  if (typeof value !== 'string') return NaN;
  const [, ms] = /^\/Date\((-?\d+)(?:[+-]\d{4})?\)\/$/.exec(value) ?? [];
  return ms === undefined ? Date.parse(/Z|[+-]\d\d:\d\d$/.test(value) ? value : `${value}Z`) : Number(ms);
}

export const textOf = (object: WireObject, name: string): string | null => {
  const value = object[name];
  return typeof value === 'string' && value !== '' ? value : null;
};
