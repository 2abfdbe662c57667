import { z } from 'zod';
import { AskedOnce } from '../../http/asked-once.ts';
import { issuesOf, readItems } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import { unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { queryObjects } from '../http/lists.ts';
import { idOf, orNull, reference } from '../http/objects.ts';
import { ACTIVE_OR_NOT, quotedList, select } from '../http/query.ts';
import type { LinePayload } from './invoice-mapping.ts';

/**
 * What a line of a US company says of its tax; any other code is refused with 6100
 * (https://developer.intuit.com/app/developer/qbo/docs/workflows/manage-sales-tax-for-us-locales, read 2026-11-29).
 */
export const US_CODES = { taxed: 'TAX', untaxed: 'NON' } as const;

export const usCode = (isTaxed: boolean): string => (isTaxed ? US_CODES.taxed : US_CODES.untaxed);

const companySchema = z.object({ Country: z.string().min(1) });
const preferencesSchema = z.object({ TaxPrefs: orNull(z.object({ UsingSalesTax: orNull(z.boolean()) })) });
const itemSchema = z.object({ Id: z.string().min(1), Taxable: orNull(z.boolean()), SalesTaxCodeRef: reference });
type TaxedItem = z.output<typeof itemSchema>;

/** How the lines of a company say their tax. `none`: the company charges no sales tax. */
type TaxModel = 'us' | 'codes' | 'none';

/** Ids in one query: an id has few digits, and a query stands in an address. */
const MOST_IDS = 100;

/** The tax codes of new lines. What it has to know of the company and its items is asked for once per session. */
export class TaxCodes {
  readonly #ask: Ask;
  readonly #model = new AskedOnce<TaxModel>(() => this.#readModel());
  readonly #items = new Map<string, TaxedItem>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The company's own codes are to be told with each line, and how amounts hold their tax with each invoice. */
  async areTold(): Promise<boolean> {
    return (await this.#model.get()) === 'codes';
  }

  /** Reads the items of lines whose code is the item's, for many invoices at once. */
  async prepare(lines: readonly LinePayload[]): Promise<void> {
    const model = await this.#model.get();
    if (model === 'none') return;
    const asked = lines.filter(({ taxed }) => model === 'codes' || taxed === null);
    const ids = [...new Set(asked.flatMap(({ product }) => product ?? []))].filter((id) => !this.#items.has(id));
    for (let at = 0; at < ids.length; at += MOST_IDS) await this.#readItems(ids.slice(at, at + MOST_IDS));
  }

  /** Null where none is to be sent. */
  async of(line: LinePayload): Promise<string | null> {
    const model = await this.#model.get();
    if (model === 'none') return null;
    if (model === 'us' && line.taxed !== null) return usCode(line.taxed);
    await this.prepare([line]);
    const item = this.#items.get(line.product ?? '');
    // An item that is gone is refused by QuickBooks, with its own code.
    if (!item) return null;
    if (model === 'us') return item.Taxable === null ? null : usCode(item.Taxable);
    if (item.SalesTaxCodeRef) return item.SalesTaxCodeRef.value;
    throw new ProviderError({ provider: 'quickbooks', kind: 'rejected', code: 'tax-code-missing', field: 'lines' });
  }

  async #readModel(): Promise<TaxModel> {
    const company = await this.#readOne('CompanyInfo', companySchema);
    if (company.Country === 'US') return 'us';
    const { TaxPrefs: preferences } = await this.#readOne('Preferences', preferencesSchema);
    return preferences?.UsingSalesTax === true ? 'codes' : 'none';
  }

  async #readOne<Schema extends z.ZodType>(entity: string, schema: Schema): Promise<z.output<Schema>> {
    const [found] = await queryObjects(this.#ask, entity, `select * from ${entity}`);
    const { data, error } = schema.safeParse(found);
    if (error) throw unreadableObject(issuesOf(error));
    return data;
  }

  async #readItems(ids: readonly string[]): Promise<void> {
    const where = [`Id in ${quotedList(ids)}`, ACTIVE_OR_NOT];
    const found = await queryObjects(this.#ask, 'Item', select({ entity: 'Item', where, limit: ids.length }));
    for (const item of readItems(itemSchema, found, idOf).items) this.#items.set(item.Id, item);
  }
}
