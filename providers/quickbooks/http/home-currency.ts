import { z } from 'zod';
import { issuesOf } from '../../items.ts';
import type { ExternalState } from '../../provider.ts';
import { unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { queryObjects } from './lists.ts';

/** The name of the currency among a link's external state. */
export const HOME_CURRENCY = 'homeCurrency';

const preferencesSchema = z.object({
  CurrencyPrefs: z.object({ HomeCurrency: z.object({ value: z.string().regex(/^[A-Z]{3}$/) }) }),
});

/**
 * The company's own currency: items have no other, and transactions name one only where the company uses several
 * (https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/preferences, read 2026-11-28).
 */
export class HomeCurrency {
  readonly #ask: Ask;
  #found: Promise<string> | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Asked once per session, and again when the answer was lost. */
  get(): Promise<string> {
    this.#found ??= this.#read().catch((error: unknown) => {
      this.#found = null;
      throw error;
    });
    return this.#found;
  }

  /** Takes it from what an earlier reading has left with a link. */
  learn(state: ExternalState | null): void {
    const told = state?.[HOME_CURRENCY];
    if (typeof told === 'string') this.#found ??= Promise.resolve(told);
  }

  async #read(): Promise<string> {
    const [preferences] = await queryObjects(this.#ask, 'Preferences', 'select * from Preferences');
    const { data, error } = preferencesSchema.safeParse(preferences);
    if (!data) throw unreadableObject(issuesOf(error));
    return data.CurrencyPrefs.HomeCurrency.value;
  }
}
