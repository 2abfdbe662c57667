import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { nullableText, readItems, textAt } from '../../items.ts';
import type { Ask } from '../http/ask.ts';
import { askObjects } from '../http/lists.ts';
import { guid, partOf } from '../http/objects.ts';

const itemSchema = z.object({
  ItemID: guid,
  Code: z.string().min(1),
  SalesDetails: partOf({ AccountCode: nullableText }),
});

/** What a line has to know of its item. */
export interface SoldItem {
  readonly id: string;
  readonly code: string;
  /** Xero books its sales to an account of its own, and needs none of a line. */
  readonly hasAccount: boolean;
}

interface KnownItems {
  /** Under their ids in lower case. */
  readonly byId: ReadonlyMap<string, SoldItem>;
  readonly byCode: ReadonlyMap<string, SoldItem>;
}

/**
 * The items of the organisation. Lines are written with the code of an item, and an earlier answer may tell no other id of
 * it. Items have no pages, so that one call brings all; it is made once per session, and again when the answer was lost.
 */
export class ItemCodes {
  readonly #ask: Ask;
  readonly #found = new AskedOnce<KnownItems>(() => this.#read());

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async byId(id: string): Promise<SoldItem | null> {
    return (await this.#found.get()).byId.get(id.toLowerCase()) ?? null;
  }

  async byCode(code: string): Promise<SoldItem | null> {
    return (await this.#found.get()).byCode.get(code) ?? null;
  }

  async #read(): Promise<KnownItems> {
    const raw = await askObjects(this.#ask, { name: 'Items' });
    const { items } = readItems(itemSchema, raw, (one) => textAt(one, 'ItemID'));
    const sold = items.map(({ ItemID: id, Code: code, SalesDetails: { AccountCode: account } }) => ({
      ...{ id, code },
      hasAccount: account !== null,
    }));
    return {
      byId: new Map(sold.map((item) => [item.id.toLowerCase(), item])),
      byCode: new Map(sold.map((item) => [item.code, item])),
    };
  }
}
