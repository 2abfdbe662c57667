import { randomUUID } from 'node:crypto';
import { notFound } from '../errors.ts';
import type { Endpoint, OrganisationRequest } from '../http/endpoint.ts';
import { findOne, pageOf, wantedOf } from '../http/paging.ts';
import { ElementProblem, writeElements } from '../http/writing.ts';
import type { Written } from '../http/writing.ts';
import { noteSideEffect } from '../state/side-effects.ts';
import { dayOf, msOf, textOf } from '../state/xero-state.ts';
import type { Organisation, WireObject } from '../state/xero-state.ts';
import { withDecimals } from './decimals.ts';

const READ = ['accounting.invoices', 'accounting.invoices.read'];
const WRITE = ['accounting.invoices'];

/** https://developer.xero.com/documentation/api/accounting/invoices (2026-11). */
export const INVOICE_ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: 'GET', collection: 'Invoices', one: false, scopes: READ },
    run(request) {
      const numbers = request.visit.query.get('InvoiceNumbers')?.split(',');
      const wanted = wantedOf(request, 'Invoices').filter(
        (invoice) => numbers?.includes(String(invoice['InvoiceNumber'])) ?? true,
      );
      const { objects, pagination } = pageOf(request, wanted);
      // Without a page, and in summaries, there are no lines.
      const Invoices = objects.map((invoice) => shown(request, pagination ? invoice : { ...invoice, LineItems: [] }));
      return { ...(pagination && { pagination }), Invoices };
    },
  },
  {
    ...{ method: 'GET', collection: 'Invoices', one: true, scopes: READ },
    run(request) {
      const found = findOne(request.organisation, 'Invoices', { key: request.rest, alias: 'InvoiceNumber' });
      return found ? { Invoices: [shown(request, found)] } : notFound();
    },
  },
  ...(['PUT', 'POST'] as const).map((method): Endpoint => ({
    ...{ method, collection: 'Invoices', one: false, scopes: WRITE },
    run(request) {
      const answer = writeElements(request, INVOICES);
      if (!('Invoices' in answer)) return answer;
      return { Invoices: (answer.Invoices as readonly WireObject[]).map((invoice) => shown(request, invoice)) };
    },
  })),
];

/** With the name of the contact, and unit amounts of two decimals unless four were asked for. */
function shown({ organisation, visit }: OrganisationRequest, invoice: WireObject): WireObject {
  const contactId = textOf((invoice['Contact'] ?? {}) as WireObject, 'ContactID') ?? '';
  const contact = organisation.state.get(organisation.id, 'Contacts', contactId);
  const digits = visit.query.get('unitdp') === '4' ? 4 : 2;
  const lines = Array.isArray(invoice['LineItems']) ? (invoice['LineItems'] as readonly WireObject[]) : [];
  return {
    ...invoice,
    Contact: { ContactID: contactId, Name: contact?.['Name'] ?? '', Addresses: [], Phones: [] },
    LineItems: lines.map((line) =>
      'UnitAmount' in line ? { ...line, UnitAmount: withDecimals(line['UnitAmount'], digits) } : line,
    ),
  };
}

const INVOICES: Written = {
  entity: 'Invoices',
  sameAs: ({ state, id: tenant }, element) => {
    const number = textOf(element, 'InvoiceNumber');
    // Bills may share a number; sales invoices may not.
    if (number === null || element['Type'] === 'ACCPAY') return undefined;
    return state
      .list(tenant, 'Invoices')
      .find((one) => one['InvoiceNumber'] === number && one['Type'] === 'ACCREC' && one['Status'] !== 'DELETED');
  },
  duplicate: () => 'Invoice # must be unique.',
  next: nextInvoice,
};

/** From which status an invoice may be given which (https://developer.xero.com/documentation/api/accounting/types#invoices, 2026-11). */
const NEXT_STATUSES: Readonly<Record<string, readonly string[]>> = {
  DRAFT: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  SUBMITTED: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  AUTHORISED: ['AUTHORISED', 'VOIDED'],
  PAID: ['PAID'],
  VOIDED: [],
  DELETED: [],
};

function nextInvoice(organisation: Organisation, element: WireObject, current: WireObject | undefined): WireObject {
  const status = textOf({ Status: 'DRAFT', ...current, ...element }, 'Status') ?? 'DRAFT';
  checkStatus(status, current);
  const merged: WireObject = {
    ...{ Type: 'ACCREC', Payments: [], CreditNotes: [], Prepayments: [], Overpayments: [], AmountPaid: 0 },
    ...{ AmountCredited: 0, CurrencyCode: organisation.baseCurrency, LineAmountTypes: 'Exclusive', HasErrors: false },
    ...current,
    ...element,
    Status: status,
  };
  checkContact(organisation, element, merged);
  const lines = linesOf(organisation, element, current);
  if (status === 'AUTHORISED') checkApproved(merged, lines);
  const number = textOf(merged, 'InvoiceNumber') ?? nextNumber(organisation);
  return {
    ...merged,
    ...datesOf(organisation, merged),
    ...totalsOf(merged, lines),
    InvoiceNumber: number,
    LineItems: lines,
  };
}

function checkStatus(status: string, current: WireObject | undefined): void {
  if (current === undefined) {
    if (!['DRAFT', 'SUBMITTED', 'AUTHORISED'].includes(status)) throw new ElementProblem('Invalid Status.');
    return;
  }
  if (!NEXT_STATUSES[String(current['Status'])]?.includes(status))
    throw new ElementProblem('Invoice not of valid status for modification');
  const hasPayments = Number(current['AmountPaid']) > 0 || Number(current['AmountCredited']) > 0;
  if (status === 'VOIDED' && hasPayments)
    throw new ElementProblem('This document cannot be edited as it has a payment or credit note allocated to it.');
}

/** More than the id of a contact changes the contact itself. */
function checkContact(organisation: Organisation, element: WireObject, merged: WireObject): void {
  const contact = merged['Contact'] as WireObject | undefined;
  const id = typeof contact?.['ContactID'] === 'string' ? contact['ContactID'].toLowerCase() : '';
  const known = organisation.state.get(organisation.id, 'Contacts', id);
  if (!known) throw new ElementProblem('A valid ContactID must be provided for this invoice.');
  if (known['ContactStatus'] === 'ARCHIVED') throw new ElementProblem('The contact is archived.');
  const given = element['Contact'] as WireObject | undefined;
  if (given && Object.keys(given).length > 1)
    noteSideEffect(organisation, { kind: 'contact-changed-by-document', of: `Contacts:${id}` });
}

/** Given lines take the place of all others: one without its id is a new line. */
function linesOf(
  organisation: Organisation,
  element: WireObject,
  current: WireObject | undefined,
): readonly WireObject[] {
  const before = (current?.['LineItems'] ?? []) as readonly WireObject[];
  if (!Array.isArray(element['LineItems'])) return before;
  const given = element['LineItems'] as readonly WireObject[];
  const known = new Set(before.map(({ LineItemID: id }) => id));
  if (current && given.some(({ LineItemID: id }) => id === undefined) && before.length >= given.length)
    noteSideEffect(organisation, { kind: 'lines-rewritten', of: `Invoices:${String(current['InvoiceID'])}` });
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

function checkApproved(invoice: WireObject, lines: readonly WireObject[]): void {
  if (lines.length === 0) throw new ElementProblem('One or more line items must be specified');
  if (invoice['DueDate'] === undefined) throw new ElementProblem('Invoice must have a due date.');
  if (lines.some((line) => textOf(line, 'AccountCode') === null && line['UnitAmount'] !== undefined))
    throw new ElementProblem('Account code or ID must be specified');
}

function nextNumber({ state, id: tenant }: Organisation): string {
  return `INV-${String(state.list(tenant, 'Invoices').length + 1).padStart(4, '0')}`;
}

function datesOf({ nowMs }: Organisation, invoice: WireObject): WireObject {
  const day = (name: string, otherwise: string | null): WireObject => {
    const ms = msOf(invoice[name] ?? otherwise);
    if (Number.isNaN(ms)) return {};
    const text = new Date(ms).toISOString().slice(0, 10);
    return { [name]: dayOf(text), [`${name}String`]: `${text}T00:00:00` };
  };
  return { ...day('Date', new Date(nowMs).toISOString().slice(0, 10)), ...day('DueDate', null) };
}

/** Tax is rounded on each line and then summed. */
function totalsOf(invoice: WireObject, lines: readonly WireObject[]): WireObject {
  const sum = (name: string) =>
    withDecimals(
      lines.reduce((total, line) => total + Number(line[name] ?? 0), 0),
      2,
    );
  const inclusive = invoice['LineAmountTypes'] === 'Inclusive';
  const tax = invoice['LineAmountTypes'] === 'NoTax' ? 0 : sum('TaxAmount');
  const total = withDecimals(inclusive ? sum('LineAmount') : sum('LineAmount') + tax, 2);
  const settled = Number(invoice['AmountPaid']) + Number(invoice['AmountCredited']);
  const isGone = ['VOIDED', 'DELETED'].includes(String(invoice['Status']));
  return {
    SubTotal: withDecimals(total - tax, 2),
    TotalTax: tax,
    Total: total,
    AmountDue: isGone ? 0 : withDecimals(total - settled, 2),
  };
}
