import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { nullableText, readItems } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { Ask } from '../http/ask.ts';
import { queryObjects } from '../http/lists.ts';
import { idOf } from '../http/objects.ts';
import { select } from '../http/query.ts';

const accountSchema = z.object({ Id: z.string().min(1), AccountSubType: nullableText });

/**
 * The account that the income from new items is booked to: one for the sale of products if the company has it, else its
 * first income account. An item cannot be made without one, and the account of an existing item is never changed, which would rewrite
 * past transactions.
 */
export class IncomeAccount {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<string>(() => this.#read());

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Its id. Asked once per session, and again when the answer was lost. */
  get(): Promise<string> {
    return this.#found.get();
  }

  async #read(): Promise<string> {
    const query = select({
      ...{ entity: 'Account', where: ["AccountType = 'Income'"], orderBy: 'MetaData.CreateTime' },
    });
    const { items } = readItems(accountSchema, await queryObjects(this.#ask, 'Account', query), idOf);
    const account = items.find(({ AccountSubType: type }) => type === 'SalesOfProductIncome') ?? items[0];
    if (!account)
      throw new ProviderError({
        ...{ provider: 'quickbooks', kind: 'rejected' },
        ...{ code: 'no-income-account', field: 'IncomeAccountRef' },
      });
    return account.Id;
  }
}
