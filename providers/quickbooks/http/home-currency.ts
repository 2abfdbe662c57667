import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { issuesOf } from '../../items.ts';
import type { ExternalState } from '../../provider.ts';
import { unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { queryObjects } from './lists.ts';

/** The name of the currency among a link's external state. */
export const HOME_CURRENCY = 'homeCurrency';

const preferencesSchema = z.object({
  CurrencyPrefs: z.object({
    MultiCurrencyEnabled: z.boolean().nullish(),
    HomeCurrency: z.object({ value: z.string().regex(/^[A-Z]{3}$/) }),
  }),
});

interface CurrencyPreferences {
  readonly home: string;
  readonly isMulti: boolean;
}

/**
 * The company's own currency: items have no other, and transactions name one only where the company uses several
 * (https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/preferences, read 2026-11-28).
 */
export class HomeCurrency {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<CurrencyPreferences>(() => this.#read());
  /** As an earlier reading has left it. */
  #learnt: string | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async get(): Promise<string> {
    return this.#learnt ?? (await this.#preferences()).home;
  }

  /** Whether the company books in this currency. */
  async takes(currency: string): Promise<boolean> {
    if (currency === this.#learnt) return true;
    const { home, isMulti } = await this.#preferences();
    return isMulti || currency === home;
  }

  /** Takes it from what an earlier reading has left with a link. */
  learn(state: ExternalState | null): void {
    const told = state?.[HOME_CURRENCY];
    if (typeof told === 'string') this.#learnt ??= told;
  }

  /** Asked once per session, and again when the answer was lost. */
  #preferences(): Promise<CurrencyPreferences> {
    return this.#found.get();
  }

  async #read(): Promise<CurrencyPreferences> {
    const [preferences] = await queryObjects(this.#ask, 'Preferences', 'select * from Preferences');
    const { data, error } = preferencesSchema.safeParse(preferences);
    if (!data) throw unreadableObject(issuesOf(error));
    const { HomeCurrency: home, MultiCurrencyEnabled: isMulti } = data.CurrencyPrefs;
    return { home: home.value, isMulti: isMulti === true };
  }
}
