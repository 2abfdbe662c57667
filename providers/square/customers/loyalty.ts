import { z } from 'zod';
import { nullableText, readItems } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import { nullWhenMissing } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';

/** https://developer.squareup.com/reference/square/loyalty-api/search-loyalty-accounts, read 2026-11-28. */
const MOST_CUSTOMERS = 30;

const accountSchema = z.object({
  id: z.string().min(1),
  customer_id: nullableText,
  balance: z.int().nullish(),
  lifetime_points: z.int().nullish(),
});
export type LoyaltyAccount = z.output<typeof accountSchema>;
const accountsAnswer = z.object({ loyalty_accounts: z.array(z.unknown()).nullish() });

/**
 * Reads the loyalty accounts of customers. Sellers without a programme, and connections without the scope, have none.
 */
export class Loyalty {
  readonly #ask: Ask;
  #isRun: Promise<boolean> | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Makes one call per 30 customers. Omits an unreadable account, because its customer is readable. */
  async accountsOf(customerIds: readonly string[]): Promise<ReadonlyMap<string, LoyaltyAccount>> {
    const found = new Map<string, LoyaltyAccount>();
    if (customerIds.length === 0 || !(await this.#hasProgramme())) return found;
    for (let from = 0; from < customerIds.length; from += MOST_CUSTOMERS) {
      const body = { query: { customer_ids: customerIds.slice(from, from + MOST_CUSTOMERS) }, limit: 200 };
      const answer = await this.#ask(accountsAnswer, { method: 'POST', path: '/v2/loyalty/accounts/search', body });
      for (const account of readItems(accountSchema, answer.loyalty_accounts ?? []).items)
        if (account.customer_id !== null) found.set(account.customer_id, account);
    }
    return found;
  }

  /** Asked once per session, and again when the answer was lost. */
  async #hasProgramme(): Promise<boolean> {
    this.#isRun ??= nullWhenMissing(this.#ask(z.object({}), { method: 'GET', path: '/v2/loyalty/programs/main' })).then(
      (programme) => programme !== null,
      (error: unknown) => {
        this.#isRun = null;
        if (error instanceof ProviderError && error.details.httpStatus === 403) return false;
        throw error;
      },
    );
    return this.#isRun;
  }
}
