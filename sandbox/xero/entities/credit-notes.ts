import type { Reply } from '../../oauth/exchange.ts';
import { notFound } from '../errors.ts';
import type { Endpoint, OrganisationRequest } from '../http/endpoint.ts';
import { answerElements, ElementProblem, writeElements } from '../http/writing.ts';
import type { Written } from '../http/writing.ts';
import { dateOf, textOf } from '../state/xero-state.ts';
import type { Organisation, WireObject } from '../state/xero-state.ts';
import { withDecimals } from './decimals.ts';
import { checkContact, datesOf, linesOf, shown, totalsOf } from './documents.ts';
import { documentOf, settle } from './settlements.ts';

const WRITE = ['accounting.invoices'];

/** https://developer.xero.com/documentation/api/accounting/creditnotes (2026-11). They are read like payments (`booked.ts`). */
export const CREDIT_NOTE_ENDPOINTS: readonly Endpoint[] = [
  ...(['PUT', 'POST'] as const).map((method): Endpoint => ({
    ...{ method, collection: 'CreditNotes', one: false, scopes: WRITE },
    run(request) {
      const answer = writeElements(request, CREDIT_NOTES);
      if (!('CreditNotes' in answer)) return answer;
      return { CreditNotes: (answer.CreditNotes as readonly WireObject[]).map((note) => shown(request, note)) };
    },
  })),
  {
    ...{ method: 'PUT', collection: 'CreditNotes', one: true, scopes: WRITE },
    run: allocate,
  },
];

const NEXT_STATUSES: Readonly<Record<string, readonly string[]>> = {
  DRAFT: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  SUBMITTED: ['DRAFT', 'SUBMITTED', 'AUTHORISED', 'DELETED'],
  AUTHORISED: ['AUTHORISED', 'VOIDED'],
};

const CREDIT_NOTES: Written = {
  entity: 'CreditNotes',
  sameAs({ state, id: tenant }, element) {
    const number = textOf(element, 'CreditNoteNumber');
    return number === null
      ? undefined
      : state
          .list(tenant, 'CreditNotes')
          .find((one) => one['CreditNoteNumber'] === number && one['Status'] !== 'DELETED');
  },
  duplicate: () => 'Credit note # must be unique.',
  next: nextNote,
};

function nextNote(organisation: Organisation, element: WireObject, current: WireObject | undefined): WireObject {
  const status = textOf({ Status: 'DRAFT', ...current, ...element }, 'Status') ?? 'DRAFT';
  if (current && !NEXT_STATUSES[String(current['Status'])]?.includes(status))
    throw new ElementProblem('Credit note not of valid status for modification');
  const merged: WireObject = {
    ...{ Type: 'ACCRECCREDIT', Payments: [], Allocations: [], LineAmountTypes: 'Exclusive', Reference: '' },
    ...{ CurrencyCode: organisation.baseCurrency, CurrencyRate: 1, ...current, ...element, Status: status },
  };
  checkContact(organisation, element, merged);
  const lines = linesOf(organisation, { entity: 'CreditNotes', element, current });
  const { AmountDue: RemainingCredit, ...totals } = totalsOf({ ...merged, AmountPaid: 0, AmountCredited: 0 }, lines);
  const { state, id: tenant } = organisation;
  const number = textOf(merged, 'CreditNoteNumber') ?? `CN-${state.list(tenant, 'CreditNotes').length + 1}`;
  return {
    ...merged,
    ...datesOf(organisation, merged),
    ...totals,
    RemainingCredit,
    CreditNoteNumber: number,
    LineItems: lines,
  };
}

/** `PUT CreditNotes/{id}/Allocations`: what is credited to invoices is left of neither. */
function allocate(request: OrganisationRequest): object | Reply {
  const { organisation, rest } = request;
  const { state, id: tenant, nowMs } = organisation;
  const [id = '', part] = rest.toLowerCase().split('/');
  if (part !== 'allocations' || !state.get(tenant, 'CreditNotes', id)) return notFound();
  return answerElements(request, 'Allocations', (element) => {
    const amount = withDecimals(element['Amount'], 2);
    const note = documentOf(organisation, { CreditNote: { CreditNoteID: id } });
    const invoice = documentOf(organisation, element);
    if (note.document['Status'] !== 'AUTHORISED' || invoice.document['Status'] !== 'AUTHORISED')
      throw new ElementProblem('Credit notes can only be allocated to Authorised documents');
    const credited = settle(organisation, invoice, { amount, as: 'AmountCredited' });
    const left = settle(organisation, note, { amount, as: 'AmountCredited' });
    const InvoiceID = String(credited['InvoiceID']);
    const allocation = { Amount: amount, Date: dateOf(nowMs), Invoice: { InvoiceID } };
    const Allocations = [...((note.document['Allocations'] ?? []) as readonly WireObject[]), allocation];
    state.put(tenant, 'Invoices', [[InvoiceID.toLowerCase(), credited]]);
    state.put(tenant, 'CreditNotes', [[id, { ...left, Allocations }]]);
    return allocation;
  });
}
