import { notFound } from '../errors.ts';
import type { Reply } from '../../oauth/exchange.ts';
import type { Endpoint, OrganisationRequest } from '../http/endpoint.ts';
import { elementsOf } from '../http/endpoint.ts';
import { answerElements, ElementProblem } from '../http/writing.ts';
import { dateOf, ID_OF } from '../state/xero-state.ts';
import type { WireObject } from '../state/xero-state.ts';
import { paymentOf, withoutPayment } from './settlements.ts';

const WRITE = ['accounting.payments'];

/**
 * Payments are made and undone, and never edited
 * (https://developer.xero.com/documentation/api/accounting/payments, 2026-11).
 */
export const PAYMENT_ENDPOINTS: readonly Endpoint[] = [
  ...(['PUT', 'POST'] as const).map((method): Endpoint => ({
    ...{ method, collection: 'Payments', one: false, scopes: WRITE },
    run: (request) => answerElements(request, 'Payments', (element) => pay(request, element)),
  })),
  {
    ...{ method: 'POST', collection: 'Payments', one: true, scopes: WRITE },
    run: undo,
  },
];

function pay({ organisation }: OrganisationRequest, element: WireObject): WireObject {
  const { state, id: tenant } = organisation;
  const { payment, entity, document } = paymentOf(organisation, element);
  state.put(tenant, 'Payments', [[String(payment['PaymentID']), payment]]);
  state.put(tenant, entity, [[String(document[ID_OF[entity]]), document]]);
  return payment;
}

/** A payment that is deleted stays in its list, and its document is to be paid again. */
function undo(request: OrganisationRequest): object | Reply {
  const { organisation, rest } = request;
  const { state, id: tenant, nowMs } = organisation;
  const payment = state.get(tenant, 'Payments', rest.toLowerCase());
  if (!payment) return notFound();
  return answerElements(request, 'Payments', () => {
    const [element = {}] = elementsOf(request, 'Payments');
    if (element['Status'] !== 'DELETED' || payment['Status'] === 'DELETED')
      throw new ElementProblem('Payment not of valid status for modification');
    const undone = withoutPayment(organisation, payment);
    const deleted = { ...payment, Status: 'DELETED', UpdatedDateUTC: dateOf(nowMs) };
    state.put(tenant, 'Payments', [[rest.toLowerCase(), deleted]]);
    state.put(tenant, undone.entity, [[String(undone.document[ID_OF[undone.entity]]), undone.document]]);
    return deleted;
  });
}
