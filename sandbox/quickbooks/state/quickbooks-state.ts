import { RecordState } from '../../core/record-state.ts';
import type { Change } from '../webhooks.ts';
import type { WireObject } from '../../core/record-state.ts';

export type { WireObject } from '../../core/record-state.ts';

/** Entities with a name, which are deactivated and never deleted. */
const NAME_ENTITIES = ['Customer', 'Vendor', 'Employee', 'Item', 'Account'] as const;
/** Entities that a company books, which can be deleted. */
export const TRANSACTION_ENTITIES = [
  'Invoice',
  'Payment',
  'SalesReceipt',
  'RefundReceipt',
  'CreditMemo',
  'Bill',
  'BillPayment',
  'Purchase',
] as const;
export const ENTITIES = [...NAME_ENTITIES, ...TRANSACTION_ENTITIES] as const;
export type Entity = (typeof ENTITIES)[number];

/** `tombstones`: what was deleted, as change data capture tells it. `TaxCode`: with its `rate` in per cent. */
export const KINDS = [...ENTITIES, 'tombstones', 'side-effects', 'TaxCode'] as const;
export type Kind = (typeof KINDS)[number];

/** Everything that the companies have. */
export type QuickBooksState = RecordState<Kind>;

export const openQuickBooksState = (home: string | undefined): Promise<QuickBooksState> =>
  RecordState.open(home, 'quickbooks-records');

export const isNameEntity = (entity: Entity): boolean => (NAME_ENTITIES as readonly string[]).includes(entity);

/** The field with the name of a named entity. */
export const nameFieldOf = (entity: Entity): 'DisplayName' | 'Name' =>
  entity === 'Item' || entity === 'Account' ? 'Name' : 'DisplayName';

/** One company's part of the state, at the time of a request. */
export interface Company {
  readonly state: QuickBooksState;
  /** The realm id. */
  readonly id: string;
  readonly homeCurrency: string;
  readonly nowMs: number;
  /** Tells whoever has registered for webhooks of a change. */
  readonly note: (change: Change) => void;
}

/** A company of the stand-in is one outside the US as soon as it has tax codes of its own. */
export const isAbroad = ({ state, id }: Pick<Company, 'state' | 'id'>): boolean => state.list(id, 'TaxCode').length > 0;

/** Entities whose ids are numbered together: transactions share one row of numbers, each named entity has its own. */
const numberedWith = (entity: Entity): readonly Entity[] => (isNameEntity(entity) ? [entity] : TRANSACTION_ENTITIES);

/** The highest id given so far, by company and entity. An id is never given twice, also after a deletion. */
const LAST_IDS = new WeakMap<QuickBooksState, Map<string, number>>();

/** A new id. Small integers, as at QuickBooks, where every company begins at 1. */
export function nextId({ state, id: company }: Company, entity: Entity): string {
  const last = LAST_IDS.get(state) ?? new Map<string, number>();
  LAST_IDS.set(state, last);
  const group = numberedWith(entity);
  const key = `${company}/${group[0] ?? entity}`;
  const next = (last.get(key) ?? highestId(state, company, group)) + 1;
  last.set(key, next);
  return String(next);
}

function highestId(state: QuickBooksState, company: string, group: readonly Entity[]): number {
  const living = group.flatMap((entity) => state.list(company, entity));
  const dead = state.list(company, 'tombstones').filter(({ entity }) => group.includes(entity as Entity));
  return [...living, ...dead].reduce((highest, { Id: id }) => Math.max(highest, Number(id)), 0);
}

/** Numbers start again for a company that was emptied. */
export function forgetIds(state: QuickBooksState): void {
  LAST_IDS.delete(state);
}

/** A time as QuickBooks writes it: whole seconds, in the company's zone. */
export function timeOf(atMs: number): string {
  const zoned = new Date(Math.floor(atMs / 1_000) * 1_000 - 8 * 3_600_000);
  return `${zoned.toISOString().slice(0, 19)}-08:00`;
}

export const textIn = (object: WireObject, ...path: readonly string[]): string | null => {
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as WireObject)[key] : undefined),
    object,
  );
  return typeof found === 'string' || typeof found === 'number' ? String(found) : null;
};
