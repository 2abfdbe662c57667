import { randomUUID } from 'node:crypto';
import type { OrganisationRequest } from '../http/endpoint.ts';
import { ElementProblem } from '../http/writing.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import { dayOf, ID_OF, msOf, textOf } from '../state/xero-state.ts';
import type { Entity, Organisation, WireObject } from '../state/xero-state.ts';
import { withDecimals } from './decimals.ts';

// What invoices and credit notes have in common.

/** With the name of the contact, and unit amounts of two decimals unless four were asked for. */
export function shown({ organisation, visit }: OrganisationRequest, document: WireObject): WireObject {
  const contactId = textOf((document['Contact'] ?? {}) as WireObject, 'ContactID') ?? '';
  const contact = organisation.state.get(organisation.id, 'Contacts', contactId);
  const digits = visit.query.get('unitdp') === '4' ? 4 : 2;
  const lines = Array.isArray(document['LineItems']) ? (document['LineItems'] as readonly WireObject[]) : [];
  return {
    ...document,
    Contact: { ContactID: contactId, Name: contact?.['Name'] ?? '', Addresses: [], Phones: [] },
    LineItems: lines.map((line) =>
      'UnitAmount' in line ? { ...line, UnitAmount: withDecimals(line['UnitAmount'], digits) } : line,
    ),
  };
}

/** More than the id of a contact changes the contact itself. */
export function checkContact(organisation: Organisation, element: WireObject, merged: WireObject): void {
  const contact = merged['Contact'] as WireObject | undefined;
  const id = typeof contact?.['ContactID'] === 'string' ? contact['ContactID'].toLowerCase() : '';
  const known = organisation.state.get(organisation.id, 'Contacts', id);
  if (!known) throw new ElementProblem('A valid ContactID must be provided for this invoice.');
  if (known['ContactStatus'] === 'ARCHIVED') throw new ElementProblem('The contact is archived.');
  const given = element['Contact'] as WireObject | undefined;
  if (given && Object.keys(given).length > 1)
    noteSideEffect(organisation, { kind: 'contact-changed-by-document', of: `Contacts:${id}` });
}

interface LinesGiven {
  readonly entity: Entity;
  readonly element: WireObject;
  readonly current: WireObject | undefined;
}

/** Given lines take the place of all others: one without its id is a new line. */
export function linesOf(organisation: Organisation, { entity, element, current }: LinesGiven): readonly WireObject[] {
  const before = (current?.['LineItems'] ?? []) as readonly WireObject[];
  if (!Array.isArray(element['LineItems'])) return before;
  const given = element['LineItems'] as readonly WireObject[];
  const types = element['LineAmountTypes'] ?? current?.['LineAmountTypes'] ?? 'Exclusive';
  const known = new Set(before.map(({ LineItemID: id }) => id));
  if (current && given.some(({ LineItemID: id }) => id === undefined) && before.length >= given.length)
    noteSideEffect(organisation, { kind: 'lines-rewritten', of: `${entity}:${String(current[ID_OF[entity]])}` });
  return given.map((line) => {
    const id = typeof line['LineItemID'] === 'string' ? line['LineItemID'] : null;
    if (id !== null && !known.has(id)) throw new ElementProblem('The LineItemID could not be found.');
    return priced(organisation, { ...line, LineItemID: id ?? randomUUID() }, types);
  });
}

/** What the item of a line gives it where it says nothing itself (https://developer.xero.com/documentation/api/accounting/invoices, 2026-11). */
function ofItem({ state, id: tenant }: Organisation, line: WireObject): WireObject {
  const code = textOf(line, 'ItemCode');
  if (code === null) return {};
  const item = state.list(tenant, 'Items').find((one) => one['Code'] === code);
  if (!item) throw new ElementProblem(`Item code '${code}' is not valid`);
  const { UnitPrice, AccountCode, TaxType } = (item['SalesDetails'] ?? {}) as WireObject;
  return {
    ...(UnitPrice !== undefined && { UnitAmount: UnitPrice }),
    ...(AccountCode !== undefined && { AccountCode }),
    ...(TaxType !== undefined && { TaxType }),
    Description: item['Description'] ?? item['Name'] ?? code,
    Item: { ItemID: item['ItemID'], Name: item['Name'] ?? code, Code: code },
  };
}

function priced(organisation: Organisation, given: WireObject, types: unknown): WireObject {
  const line = { ...ofItem(organisation, given), ...given };
  if (isOfWordsAlone(line)) return { ...line, LineAmount: 0, TaxAmount: 0 };
  const quantity = Number(line['Quantity'] ?? 1);
  const expected = amountOf(line, quantity);
  const amount = withDecimals(line['LineAmount'] ?? expected, 2);
  if (line['UnitAmount'] !== undefined && expected !== amount)
    throw new ElementProblem('The line total does not match the expected line total');
  const taxType = textOf(line, 'TaxType') ?? taxTypeOf(organisation, textOf(line, 'AccountCode'));
  return {
    ...line,
    UnitAmount: line['UnitAmount'] ?? withDecimals(amount / quantity, 4),
    ...{ Quantity: quantity, LineAmount: amount, TaxType: taxType },
    TaxAmount: types === 'NoTax' ? 0 : withDecimals(line['TaxAmount'] ?? taxOf(amount, taxType, types), 2),
  };
}

const isOfWordsAlone = ({ UnitAmount: unit, LineAmount: amount }: WireObject): boolean =>
  unit === undefined && amount === undefined;

/** Of as many as there are, without their discount. */
function amountOf(line: WireObject, quantity: number): number {
  const { UnitAmount: unit = 0, DiscountRate: rate = 0, DiscountAmount: off = 0 } = line;
  return withDecimals(quantity * Number(unit) * (1 - Number(rate) / 100) - Number(off), 2);
}

/** Per cent by the stand-in’s tax types. */
const RATES: Readonly<Record<string, number>> = { OUTPUT2: 20, NONE: 0 };

const taxTypeOf = ({ state, id: tenant }: Organisation, account: string | null): string => {
  const found = state.list(tenant, 'Accounts').find((one) => one['Code'] === account);
  return (found && textOf(found, 'TaxType')) ?? 'NONE';
};

function taxOf(amount: number, taxType: string, types: unknown): number {
  const rate = RATES[taxType];
  if (rate === undefined) throw new ElementProblem(`The TaxType code '${taxType}' does not exist or cannot be used.`);
  return types === 'Inclusive' ? (amount * rate) / (100 + rate) : (amount * rate) / 100;
}

export function datesOf({ nowMs }: Organisation, document: WireObject): WireObject {
  const day = (name: string, otherwise: string | null): WireObject => {
    const ms = msOf(document[name] ?? otherwise);
    if (Number.isNaN(ms)) return {};
    const text = new Date(ms).toISOString().slice(0, 10);
    return { [name]: dayOf(text), [`${name}String`]: `${text}T00:00:00` };
  };
  return { ...day('Date', new Date(nowMs).toISOString().slice(0, 10)), ...day('DueDate', null) };
}

/** Tax is rounded on each line and then summed. */
export function totalsOf(document: WireObject, lines: readonly WireObject[]): WireObject {
  const sum = (name: string) =>
    withDecimals(
      lines.reduce((total, line) => total + Number(line[name] ?? 0), 0),
      2,
    );
  const inclusive = document['LineAmountTypes'] === 'Inclusive';
  const tax = document['LineAmountTypes'] === 'NoTax' ? 0 : sum('TaxAmount');
  const total = withDecimals(inclusive ? sum('LineAmount') : sum('LineAmount') + tax, 2);
  const settled = Number(document['AmountPaid']) + Number(document['AmountCredited']);
  const isGone = ['VOIDED', 'DELETED'].includes(String(document['Status']));
  return {
    SubTotal: withDecimals(total - tax, 2),
    TotalTax: tax,
    Total: total,
    AmountDue: isGone ? 0 : withDecimals(total - settled, 2),
  };
}
