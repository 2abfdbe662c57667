import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { decimalOf, numberOf } from '../../decimals.ts';
import { refusal } from '../http/ask.ts';
import { withoutEmpty } from '../http/objects.ts';
import type { XeroLine } from '../transactions/booked-responses.ts';
import type { ItemCodes, SoldItem } from './item-codes.ts';
import type { LinePayload } from './invoice-mapping.ts';
import type { SalesAccount } from './sales-account.ts';

type Body = Readonly<Record<string, unknown>>;

/** A line as it is at Xero, and what it says. */
export interface PresentLine {
  readonly line: XeroLine;
  readonly content: LinePayload;
}

export interface LineWriting {
  readonly items: ItemCodes;
  readonly account: SalesAccount;
  readonly currency: string;
}

/**
 * The bodies of all lines. Xero takes them for all that there are: a line that is there has its id, and with it what no
 * record says of it, such as its account and its tracking.
 */
export async function linesBody(
  wanted: readonly LinePayload[],
  present: readonly PresentLine[],
  writing: LineWriting,
): Promise<readonly Body[]> {
  const kept = pairedWith(wanted, present);
  const bodies: Body[] = [];
  for (const [index, line] of wanted.entries()) {
    const one = kept[index] ?? null;
    bodies.push(
      one !== null && isSameLine(line, one.content) ? keptBody(one.line) : await lineBody(line, one, writing),
    );
  }
  return bodies;
}

/** Whether all lines are as they are wanted. */
export const areSameLines = (wanted: readonly LinePayload[], present: readonly PresentLine[]): boolean =>
  wanted.length === present.length &&
  wanted.every((line, index) => present[index] !== undefined && isSameLine(line, present[index].content));

/** A description and a tax that the venue does not say are Xero’s. */
function isSameLine(wanted: LinePayload, present: LinePayload): boolean {
  const { description, taxMinor } = wanted;
  return (
    fingerprintOf([{ ...wanted, description: null, taxMinor: null }]) ===
      fingerprintOf([{ ...present, description: null, taxMinor: null }]) &&
    (description === null || description === present.description) &&
    (taxMinor === null || taxMinor === (present.taxMinor ?? 0))
  );
}

/** For each wanted line the one that it goes on: an equal one wherever it stands, else the next that none has taken. */
function pairedWith(wanted: readonly LinePayload[], present: readonly PresentLine[]): readonly (PresentLine | null)[] {
  const free = new Set(present);
  const take = (found: PresentLine | undefined): PresentLine | null => {
    if (found) free.delete(found);
    return found ?? null;
  };
  const equal = wanted.map((line) => take([...free].find(({ content }) => isSameLine(line, content))));
  const ofItem = wanted.map((line, index) =>
    equal[index] || line.product === null
      ? (equal[index] ?? null)
      : take([...free].find(({ content }) => content.product === line.product)),
  );
  return ofItem.map((one) => one ?? take([...free][0]));
}

const DECIMALS = ['Quantity', 'UnitAmount', 'LineAmount', 'TaxAmount', 'DiscountRate', 'DiscountAmount'] as const;
const TEXTS = ['LineItemID', 'Description', 'ItemCode', 'AccountCode', 'TaxType', 'Tracking'] as const;

/** What Xero takes of a line that it has told. Numbers are text here, and keep their digits. */
function keptBody(line: XeroLine): Body {
  const decimals = DECIMALS.flatMap((name) =>
    typeof line[name] === 'string' ? [[name, numberOf(line[name])] as const] : [],
  );
  const texts = TEXTS.flatMap((name) => (line[name] == null ? [] : [[name, line[name]] as const]));
  return Object.fromEntries<unknown>([...texts, ...decimals]);
}

/** A new line, or one in place of another whose account, tax and tracking stay. */
async function lineBody(line: LinePayload, before: PresentLine | null, writing: LineWriting): Promise<Body> {
  const { LineItemID, TaxType, Tracking } = before ? keptBody(before.line) : {};
  const id = { ...(LineItemID !== undefined && { LineItemID }) };
  if (line.pricing === null) return { ...id, Description: line.description ?? '' };
  const sold = await soldBody(line, before, writing);
  return {
    ...id,
    ...(line.description !== null && { Description: line.description }),
    Quantity: numberOf(line.pricing.quantity),
    UnitAmount: numberOf(line.pricing.unitAmount),
    LineAmount: numberOf(decimalOf(line.amountMinor, writing.currency)),
    ...(line.taxMinor !== null && { TaxAmount: numberOf(decimalOf(line.taxMinor, writing.currency)) }),
    ...sold,
    ...(TaxType !== undefined && { TaxType }),
    ...(Tracking !== undefined && { Tracking }),
  };
}

/** The item of a line, and the account that its sales are booked to. Those of a line that goes on are known. */
async function soldBody(line: LinePayload, before: PresentLine | null, { items, account }: LineWriting): Promise<Body> {
  const known = before?.line.AccountCode ?? null;
  if (known !== null && before?.content.product === line.product)
    return withoutEmpty({ ItemCode: before.line.ItemCode, AccountCode: known });
  const item = line.product === null ? NO_ITEM : await itemOf(line.product, items);
  const own = item.hasAccount ? null : await account.get();
  return withoutEmpty({ ItemCode: item.code, AccountCode: known ?? own });
}

const NO_ITEM = { code: null, hasAccount: false } as const;

async function itemOf(product: string, items: ItemCodes): Promise<SoldItem> {
  const item = await items.byId(product);
  if (!item) throw refusal('product-gone', 'productSourceId');
  return item;
}
