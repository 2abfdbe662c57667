import type { DiscrepancyKind } from '../../contracts/reconciliation.ts';
import type { BusinessDays } from './business-days.ts';
import { isCounted } from './transaction-fact.ts';
import type { TransactionFact } from './transaction-fact.ts';

/** One transaction as the venue has it and as the provider tells it; null for a side that does not have it. */
export interface Pair {
  readonly here: TransactionFact | null;
  readonly there: TransactionFact | null;
}

/** What a discrepancy's sides may disagree about, in the order in which they name the discrepancy. */
export const DIFFERING_FIELDS = ['amountMinor', 'currency', 'status', 'kind', 'posted', 'day'] as const;
export type DifferingField = (typeof DIFFERING_FIELDS)[number];

export interface Difference {
  readonly kind: DiscrepancyKind;
  /** Empty for a transaction that one side does not have. */
  readonly fields: readonly DifferingField[];
  /** The business day that it concerns: the provider's where both sides have one. */
  readonly day: string;
}

/**
 * How the sides of a transaction differ; null when they agree, or when the transaction is on none of the days on either
 * side.
 */
export function differenceOf({ here, there }: Pair, days: BusinessDays): Difference | null {
  const [dayHere, dayThere] = [dayOf(here, days), dayOf(there, days)];
  const day = dayThere ?? dayHere;
  if (day === null) return null;
  if (!there) return { kind: 'missing-there', fields: [], day };
  if (!here) return { kind: 'missing-here', fields: [], day };
  const fields = fieldsThatDiffer(here, there);
  if (dayHere !== dayThere) fields.push('day');
  const [first] = fields;
  return first === undefined ? null : { kind: KIND_OF[first], fields, day };
}

/** Whether both sides have the transaction alike, on one of the days. */
export const isAlike = (pair: Pair, days: BusinessDays): boolean =>
  pair.here !== null && dayOf(pair.there, days) !== null && differenceOf(pair, days) === null;

function fieldsThatDiffer(here: TransactionFact, there: TransactionFact): DifferingField[] {
  const fields: DifferingField[] = (['amountMinor', 'currency', 'status', 'kind'] as const).filter(
    (field) => here[field] !== there[field],
  );
  // `posted` matters only where it decides whether a sum counts the transaction.
  return isCounted(here) === isCounted(there) || fields.includes('status') ? fields : [...fields, 'posted'];
}

const KIND_OF: Readonly<Record<DifferingField, DiscrepancyKind>> = {
  amountMinor: 'amount-differs',
  currency: 'amount-differs',
  status: 'status-differs',
  kind: 'status-differs',
  posted: 'status-differs',
  day: 'day-differs',
};

const dayOf = (fact: TransactionFact | null, days: BusinessDays): string | null =>
  fact && days.dayOf(Date.parse(fact.occurredAt));
