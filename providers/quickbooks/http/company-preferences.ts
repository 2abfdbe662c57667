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
  TaxPrefs: z
    .object({ UsingSalesTax: z.boolean().nullish(), PartnerTaxEnabled: z.boolean().nullish() })
    .nullish()
    .catch(null),
});

interface Preferences {
  readonly home: string;
  readonly isMulti: boolean;
  readonly marksTax: boolean;
}

/**
 * What a company's preferences say of money: its own currency, since items have no other and transactions name one only
 * where the company uses several, and how its lines are taxed
 * (https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/preferences, read 2026-11-29).
 */
export class CompanyPreferences {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<Preferences>(() => this.#read());
  /** The own currency as an earlier reading has left it. */
  #learnt: string | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The company's own currency. */
  async currency(): Promise<string> {
    return this.#learnt ?? (await this.#preferences()).home;
  }

  /** Whether the company books in this currency. */
  async takes(currency: string): Promise<boolean> {
    if (currency === this.#learnt) return true;
    const { home, isMulti } = await this.#preferences();
    return isMulti || currency === home;
  }

  /**
   * Whether a line says only that it is taxed, `TAX` or `NON`, and QuickBooks knows the rate: so in US companies that use
   * its automated sales tax. Elsewhere a line names one of the company's own tax codes
   * (https://developer.intuit.com/app/developer/qbo/docs/workflows/manage-sales-tax-for-us-locales, read 2026-11-29).
   */
  async marksTax(): Promise<boolean> {
    return (await this.#preferences()).marksTax;
  }

  /** Takes the own currency from what an earlier reading has left with a link. */
  learn(state: ExternalState | null): void {
    const told = state?.[HOME_CURRENCY];
    if (typeof told === 'string') this.#learnt ??= told;
  }

  /** Asked once per session, and again when the answer was lost. */
  #preferences(): Promise<Preferences> {
    return this.#found.get();
  }

  async #read(): Promise<Preferences> {
    const [preferences] = await queryObjects(this.#ask, 'Preferences', 'select * from Preferences');
    const { data, error } = preferencesSchema.safeParse(preferences);
    if (!data) throw unreadableObject(issuesOf(error));
    const { HomeCurrency: home, MultiCurrencyEnabled: isMulti } = data.CurrencyPrefs;
    const { UsingSalesTax: usesTax, PartnerTaxEnabled: isAutomated } = data.TaxPrefs ?? {};
    return { home: home.value, isMulti: isMulti === true, marksTax: usesTax === true && isAutomated === true };
  }
}
