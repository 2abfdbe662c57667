import { z } from 'zod';
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
  #found: Promise<string> | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Asked once per session, and again when the answer was lost. */
  get(): Promise<string> {
    this.#found ??= this.#ask(organisationAnswer, { method: 'GET', path: 'Organisation' })
      .then(({ Organisations: [organisation] }) => organisation.BaseCurrency)
      .catch((error: unknown) => {
        this.#found = null;
        throw error;
      });
    return this.#found;
  }

  /** Takes it from what an earlier reading has left with a link. */
  learn(state: ExternalState | null): void {
    const told = state?.[BASE_CURRENCY];
    if (typeof told === 'string') this.#found ??= Promise.resolve(told);
  }
}
