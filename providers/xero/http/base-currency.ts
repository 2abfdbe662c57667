import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import type { ExternalState } from '../../provider.ts';
import type { Ask } from './ask.ts';

/** The name of the currency among a link’s external state. */
export const BASE_CURRENCY = 'baseCurrency';

const organisationAnswer = z.object({
  Organisations: z.tuple([z.object({ BaseCurrency: z.string().regex(/^[A-Z]{3}$/) })], z.unknown()),
});

/**
 * The organisation’s own currency: items have no other
 * (https://developer.xero.com/documentation/api/accounting/organisation, read 2026-11-29).
 */
export class BaseCurrency {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<string>(() => this.#read());

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Asked once per session, and again when the answer was lost. */
  get(): Promise<string> {
    return this.#found.get();
  }

  /** Takes it from what an earlier reading has left with a link. */
  learn(state: ExternalState | null): void {
    const told = state?.[BASE_CURRENCY];
    if (typeof told === 'string') this.#found.learn(told);
  }

  async #read(): Promise<string> {
    const { Organisations } = await this.#ask(organisationAnswer, { method: 'GET', path: 'Organisation' });
    return Organisations[0].BaseCurrency;
  }
}
