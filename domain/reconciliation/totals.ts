import type { BusinessDays } from './business-days.ts';
import type { Pair } from './compare.ts';
import { isCounted } from './transaction-fact.ts';
import type { TransactionFact } from './transaction-fact.ts';

/** Number and sum of one side's transactions. The sum is text, because it may exceed what a number holds exactly. */
export interface SideTotal {
  readonly count: number;
  readonly amountMinor: string;
}

/** The transactions of one day, kind and currency on both sides. Stored with a reconciliation. */
export interface DayTotal {
  /** `YYYY-MM-DD` in the venue's time zone. */
  readonly day: string;
  readonly kind: string;
  readonly currency: string;
  readonly here: SideTotal;
  readonly there: SideTotal;
}

const NOTHING: SideTotal = { count: 0, amountMinor: '0' };

/** The totals with these pairs added, ordered by day, kind and currency. */
export function addToTotals(
  totals: readonly DayTotal[],
  pairs: readonly Pair[],
  days: BusinessDays,
): readonly DayTotal[] {
  const byKey = new Map(totals.map((total) => [keyOf(total), total]));
  const add = (side: 'here' | 'there', fact: TransactionFact | null) => {
    const day = fact && isCounted(fact) ? days.dayOf(Date.parse(fact.occurredAt)) : null;
    if (!fact || day === null) return;
    const { kind, currency } = fact;
    const key = keyOf({ day, kind, currency });
    const total = byKey.get(key) ?? { day, kind, currency, here: NOTHING, there: NOTHING };
    byKey.set(key, { ...total, [side]: plus(total[side], fact) });
  };
  for (const { here, there } of pairs) {
    add('here', here);
    add('there', there);
  }
  return [...byKey].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, total]) => total);
}

const keyOf = ({ day, kind, currency }: Pick<DayTotal, 'day' | 'kind' | 'currency'>) => `${day} ${kind} ${currency}`;

const plus = ({ count, amountMinor }: SideTotal, fact: TransactionFact): SideTotal => ({
  count: count + 1,
  amountMinor: String(BigInt(amountMinor) + BigInt(fact.amountMinor)),
});
