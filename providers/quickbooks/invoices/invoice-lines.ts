import { ProviderError } from '../../provider-error.ts';
import { decimalOf, numberOf } from '../http/decimals.ts';
import type { Body } from '../http/sparse-writer.ts';
import { hasAmount } from '../transactions/booked-responses.ts';
import { usCode } from './tax-codes.ts';
import type { LinePayload } from './invoice-mapping.ts';
import type { QuickBooksInvoice, RawLine } from './invoice-responses.ts';

/** Whether a line holds what is wanted of it; what is null is left to QuickBooks. */
const fitsLine = (wanted: LinePayload, held: LinePayload | undefined): boolean =>
  held !== undefined &&
  wanted.amountMinor === held.amountMinor &&
  isTaxedAs(wanted, held) &&
  (['description', 'quantity', 'unitAmount', 'product'] as const).every(
    (name) => wanted[name] === null || wanted[name] === held[name],
  );

/** A line that holds a code of a company outside the US says by it more than whether it is taxed, and keeps it. */
const isTaxedAs = (wanted: LinePayload, held: LinePayload): boolean =>
  wanted.taxed === null || held.taxed === null || wanted.taxed === held.taxed;

export const fitLines = (wanted: readonly LinePayload[], held: readonly LinePayload[]): boolean =>
  wanted.length === held.length && wanted.every((line, index) => fitsLine(line, held[index]));

/** The line of a new invoice. */
export const newLine = (line: LinePayload, { currency, taxCode }: NewLine): Body => ({
  ...(line.description !== null && { Description: line.description }),
  Amount: amountBody(line, currency),
  DetailType: SOLD,
  [SOLD]: { ItemRef: itemOf(line), ...numbersOf(line), ...(taxCode !== null && { TaxCodeRef: { value: taxCode } }) },
});

interface NewLine {
  readonly currency: string;
  /** Null where none is to be sent. */
  readonly taxCode: string | null;
}

const SOLD = 'SalesItemLineDetail';

/** No line is sent without an item: whether QuickBooks would book it, or take it for a remark, nobody has documented. */
function itemOf({ product }: LinePayload): Body {
  if (product === null) throw refused('line-without-product');
  return { value: product };
}

export const refused = (code: string, field = 'lines'): ProviderError =>
  new ProviderError({ provider: 'quickbooks', kind: 'rejected', code, field });

const amountBody = ({ amountMinor }: LinePayload, currency: string): unknown =>
  numberOf(decimalOf(amountMinor, currency));

const numbersOf = ({ quantity, unitAmount }: LinePayload): Body => ({
  ...(quantity !== null && { Qty: numberOf(quantity) }),
  ...(unitAmount !== null && { UnitPrice: numberOf(unitAmount) }),
});

interface LineChange {
  readonly wanted: readonly LinePayload[];
  /** What the invoice's lines with an amount hold, in their order. */
  readonly held: readonly LinePayload[];
  readonly currency: string;
  readonly taxCodeOf: (line: LinePayload) => Promise<string | null>;
}

/**
 * All lines that the invoice shall have: QuickBooks deletes those that an update leaves out. A line keeps its `Id` and
 * whatever Interlock has no field for, such as a tax code; remarks and computed discounts stay as they are.
 */
export async function mergedLines(
  invoice: QuickBooksInvoice,
  { wanted, held, currency, taxCodeOf }: LineChange,
): Promise<readonly Body[]> {
  const places = invoice.Line.flatMap((line, place) => (hasAmount(line) ? [place] : []));
  const isSold = (index: number) => invoice.Line[places[index] ?? -1]?.DetailType === SOLD;
  const partners = partnersOf(wanted, held, isSold);
  const kept = new Set(partners);
  // A discount or a bundle is computed of other lines, and what its amount would have to become is not ours to say.
  if (held.some((_, index) => !kept.has(index) && !isSold(index))) throw refused('line-not-sold');
  const remarks = remarksBehind(invoice);
  const fresh = new Map<LinePayload, Body>();
  for (const [at, line] of wanted.entries())
    if (partners[at] === null) fresh.set(line, newLine(line, { currency, taxCode: await taxCodeOf(line) }));
  const lines = wanted.flatMap((line, at): readonly Body[] => {
    const index = partners[at] ?? null;
    if (index === null) return [fresh.get(line) ?? {}];
    const place = places[index] ?? -1;
    const [raw, present] = [invoice.rawLines[place] ?? {}, held[index]];
    const own = fitsLine(line, present) ? asSent(raw) : changedLine(raw, { line, present, currency });
    return [own, ...(remarks.take(place) ?? [])];
  });
  return [...(remarks.take(-1) ?? []), ...lines, ...remarks.rest()];
}

/** For each wanted line the line that becomes it, as a position among those that are held; null for a new one. */
function partnersOf(
  wanted: readonly LinePayload[],
  held: readonly LinePayload[],
  isSold: (index: number) => boolean,
): readonly (number | null)[] {
  const partners: (number | null)[] = wanted.map(() => null);
  const free = new Set(held.keys());
  const pair = (mayPair: (line: LinePayload, at: number, index: number) => boolean): void => {
    for (const [at, line] of wanted.entries()) {
      if (partners[at] !== null) continue;
      const found = [...free].find((index) => mayPair(line, at, index));
      if (found === undefined) continue;
      partners[at] = found;
      free.delete(found);
    }
  };
  pair((line, at, index) => index === at && fitsLine(line, held[index]));
  pair((line, _, index) => fitsLine(line, held[index]));
  pair((line, _, index) => isSold(index) && line.product !== null && line.product === held[index]?.product);
  pair((_, at, index) => isSold(index) && index === at);
  return partners;
}

/** Lines without an amount by the place of the line that they follow. A subtotal without an `Id` is computed anew. */
function remarksBehind({ Line: lines, rawLines }: QuickBooksInvoice) {
  const behind = new Map<number, Body[]>();
  let last = -1;
  for (const [place, line] of lines.entries()) {
    const raw = rawLines[place] ?? {};
    if (hasAmount(line)) last = place;
    else if (raw['Id'] !== undefined) behind.set(last, [...(behind.get(last) ?? []), asSent(raw)]);
  }
  return {
    take(place: number): readonly Body[] | undefined {
      const found = behind.get(place);
      behind.delete(place);
      return found;
    },
    rest: (): readonly Body[] => [...behind.values()].flat(),
  };
}

interface ChangedLine {
  readonly line: LinePayload;
  readonly present: LinePayload | undefined;
  readonly currency: string;
}

function changedLine(raw: RawLine, { line, present, currency }: ChangedLine): Body {
  const detail = asSent((raw[SOLD] ?? {}) as RawLine);
  const isRecounted = (['amountMinor', 'quantity', 'unitAmount'] as const).some(
    (name) => line[name] !== null && line[name] !== present?.[name],
  );
  const isOther = line.product !== null && line.product !== present?.product;
  return {
    ...asSent(raw),
    ...(line.description !== null && { Description: line.description }),
    ...(isRecounted && { Amount: amountBody(line, currency) }),
    [SOLD]: {
      ...(isRecounted ? without(detail, 'Qty', 'UnitPrice', 'TaxInclusiveAmt') : detail),
      ...(isOther && { ItemRef: itemOf(line) }),
      ...taxCodeChange(line, present),
      ...(isRecounted && numbersOf(line)),
    },
  };
}

/** The code of a line of a US company that the venue taxes otherwise. */
const taxCodeChange = (line: LinePayload, present: LinePayload | undefined): Body =>
  line.taxed === null || present === undefined || isTaxedAs(line, present)
    ? {}
    : { TaxCodeRef: { value: usCode(line.taxed) } };

const without = (body: Body, ...names: readonly string[]): Body =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));

/** Properties of lines that are numbers, which the transport has given as text. One that is missing here goes back as text. */
const NUMBERS: ReadonlySet<string> = new Set([
  ...['Amount', 'LineNum', 'Qty', 'UnitPrice', 'Quantity', 'DiscountPercent', 'DiscountRate', 'DiscountAmt'],
  ...['TaxInclusiveAmt', 'RatePercent', 'Percent', 'MarkUpIncomePercent'],
]);

/** A part of a line as it was told, its numbers as numbers again. */
function asSent(raw: RawLine): Body {
  return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, valueAsSent(name, value)]));
}

function valueAsSent(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => valueAsSent(name, one));
  if (typeof value === 'object' && value !== null) return asSent(value as RawLine);
  return NUMBERS.has(name) && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? numberOf(value) : value;
}
