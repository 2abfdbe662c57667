/** What is compared of a transaction. */
export interface TransactionFact {
  readonly kind: string;
  /** ISO 8601 in UTC. */
  readonly occurredAt: string;
  /** Minor units of `currency`, seen from the venue. */
  readonly amountMinor: number;
  readonly currency: string;
  readonly status: string;
  /** Whether the money is in the provider's balance; null when the provider does not say. */
  readonly posted: boolean | null;
}

const MOVED: ReadonlySet<string> = new Set(['succeeded', 'won', 'lost']);

/**
 * Whether sums count the transaction, by the same rule as the summary of transactions: what is posted, and where
 * nothing says so, what has succeeded and every dispute.
 */
export const isCounted = ({ posted, status, kind }: TransactionFact): boolean =>
  posted ?? (MOVED.has(status) || kind === 'dispute');
