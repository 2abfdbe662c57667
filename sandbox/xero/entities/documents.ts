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
  const known = new Set(before.map(({ LineItemID: id }) => id));
  if (current && given.some(({ LineItemID: id }) => id === undefined) && before.length >= given.length)
    noteSideEffect(organisation, { kind: 'lines-rewritten', of: `${entity}:${String(current[ID_OF[entity]])}` });
  return given.map((line) => {
    const id = typeof line['LineItemID'] === 'string' ? line['LineItemID'] : null;
    if (id !== null && !known.has(id)) throw new ElementProblem('The LineItemID could not be found.');
    return priced({ ...line, LineItemID: id ?? randomUUID() });
  });
}

function priced(line: WireObject): WireObject {
  if (line['UnitAmount'] === undefined && line['LineAmount'] === undefined)
    return { ...line, LineAmount: 0, TaxAmount: 0 };
  const quantity = Number(line['Quantity'] ?? 1);
  const amount = Number(line['LineAmount'] ?? withDecimals(quantity * Number(line['UnitAmount']), 2));
  if (
    line['UnitAmount'] !== undefined &&
    withDecimals(quantity * Number(line['UnitAmount']), 2) !== withDecimals(amount, 2)
  )
    throw new ElementProblem('The line total does not match the expected line total');
  return {
    ...line,
    Quantity: quantity,
    LineAmount: withDecimals(amount, 2),
    TaxAmount: Number(line['TaxAmount'] ?? 0),
  };
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
