import { z } from 'zod';
import { readItems, textAt } from '../../items.ts';
import type { Ask } from '../http/ask.ts';
import { askObjects } from '../http/lists.ts';
import { guid, nullableText, partOf } from '../http/objects.ts';

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

/**
 * The items of the organisation. Lines are written with the code of an item, and an earlier answer may tell no other id of
 * it. Items have no pages, so that one call brings all; it is made once per session, and again when the answer was lost.
 */
export class ItemCodes {
  readonly #ask: Ask;
  #found: Promise<readonly SoldItem[]> | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  async byId(id: string): Promise<SoldItem | null> {
    return (await this.#all()).find((item) => item.id.toLowerCase() === id.toLowerCase()) ?? null;
  }

  async byCode(code: string): Promise<SoldItem | null> {
    return (await this.#all()).find((item) => item.code === code) ?? null;
  }

  #all(): Promise<readonly SoldItem[]> {
    this.#found ??= this.#read().catch((error: unknown) => {
      this.#found = null;
      throw error;
    });
    return this.#found;
  }

  async #read(): Promise<readonly SoldItem[]> {
    const raw = await askObjects(this.#ask, { name: 'Items' });
    const { items } = readItems(itemSchema, raw, (one) => textAt(one, 'ItemID'));
    return items.map(({ ItemID: id, Code: code, SalesDetails: { AccountCode: account } }) => ({
      ...{ id, code },
      hasAccount: account !== null,
    }));
  }
}
