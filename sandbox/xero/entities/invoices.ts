import { notFound } from '../errors.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { findOne, pageOf, wantedOf } from '../http/paging.ts';
import { ElementProblem, writeElements, WRITES } from '../http/writing.ts';
import type { Written } from '../http/writing.ts';
import { textOf } from '../state/xero-state.ts';
import type { Organisation, WireObject } from '../state/xero-state.ts';
import { checkContact, datesOf, linesOf, shown, totalsOf } from './documents.ts';

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
  ...WRITES.map(({ method, one }): Endpoint => ({
    ...{ method, one, collection: 'Invoices', scopes: WRITE },
    run(request) {
      const answer = writeElements(request, INVOICES);
      if (!('Invoices' in answer)) return answer;
      return { Invoices: (answer.Invoices as readonly WireObject[]).map((invoice) => shown(request, invoice)) };
    },
  })),
];

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
  isUntold: (element, current) => hasPayments(current) && Object.keys(element).every((name) => UNTOLD.has(name)),
};

/**
 * Of an invoice that is paid in part, changes of these alone move no time of a last change
 * (https://developer.xero.com/documentation/api/accounting/invoices, 2026-11).
 */
const UNTOLD: ReadonlySet<string> = new Set(['InvoiceID', 'DueDate', 'SentToContact']);

/** From which status an invoice may be given which (https://developer.xero.com/documentation/api/accounting/types#invoices, 2026-11). */
const NEXT_STATUSES: Readonly<Record<string, readonly string[]>> = {
  DRAFT: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  SUBMITTED: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  AUTHORISED: ['AUTHORISED', 'VOIDED'],
  PAID: [],
  VOIDED: [],
  DELETED: [],
};

function nextInvoice(organisation: Organisation, element: WireObject, current: WireObject | undefined): WireObject {
  const status = textOf({ Status: 'DRAFT', ...current, ...element }, 'Status') ?? 'DRAFT';
  checkStatus(status, current);
  checkEdit(element, current);
  const merged: WireObject = {
    ...{ Type: 'ACCREC', Payments: [], CreditNotes: [], Prepayments: [], Overpayments: [], AmountPaid: 0 },
    ...{ AmountCredited: 0, CurrencyCode: organisation.baseCurrency, LineAmountTypes: 'Exclusive', HasErrors: false },
    ...current,
    ...element,
    Status: status,
  };
  checkContact(organisation, element, merged);
  const lines = linesOf(organisation, { entity: 'Invoices', element, current });
  if (status === 'AUTHORISED') checkApproved(merged, lines);
  const number = textOf(merged, 'InvoiceNumber') ?? nextNumber(organisation);
  const totals = totalsOf(merged, lines);
  return {
    ...merged,
    ...datesOf(organisation, merged),
    ...totals,
    // Nothing is left to be paid of an invoice over nothing.
    ...(status === 'AUTHORISED' && totals['AmountDue'] === 0 && { Status: 'PAID' }),
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
  if (status === 'VOIDED' && hasPayments(current)) throw notEditable();
}

const hasPayments = (invoice: WireObject): boolean =>
  Number(invoice['AmountPaid']) > 0 || Number(invoice['AmountCredited']) > 0;

const notEditable = () =>
  new ElementProblem('This document cannot be edited as it has a payment or credit note allocated to it.');

/** Of an invoice that is paid in part only what changes no sum can be edited: the stand-in’s assumption. */
function checkEdit(element: WireObject, current: WireObject | undefined): void {
  const changesSums = ['LineItems', 'LineAmountTypes', 'CurrencyCode'].some((name) => name in element);
  if (current && changesSums && hasPayments(current)) throw notEditable();
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
