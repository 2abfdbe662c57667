import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { nullableText, readItems, textAt } from '../../items.ts';
import { refusal } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { askObjects } from '../http/lists.ts';

const accountSchema = z.object({ Code: z.string().min(1), Type: nullableText });

/**
 * The account that lines are booked to whose item has none: the first for sales by its code, else the first for other
 * revenue. Xero approves no line without one. The account of a line that is there is never changed.
 */
export class SalesAccount {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<string>(() => this.#read());

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Its code. Asked once per session, and again when the answer was lost. */
  get(): Promise<string> {
    return this.#found.get();
  }

  async #read(): Promise<string> {
    // https://developer.xero.com/documentation/api/accounting/accounts, read 2026-11-29.
    const where = 'Class=="REVENUE" AND Status=="ACTIVE"';
    const raw = await askObjects(this.#ask, { name: 'Accounts' }, { query: { where } });
    const { items } = readItems(accountSchema, raw, (one) => textAt(one, 'AccountID'));
    const accounts = [...items].sort((one, other) => (one.Code < other.Code ? -1 : 1));
    const account = accounts.find(({ Type: type }) => type === 'SALES') ?? accounts[0];
    if (!account) throw refusal('no-income-account', 'AccountCode');
    return account.Code;
  }
}
