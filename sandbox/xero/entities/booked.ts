import { notFound } from '../errors.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { findOne, pageOf, wantedOf } from '../http/paging.ts';
import type { Entity } from '../state/xero-state.ts';

/** Collections that are only read here. A deleted payment stays in its list with another status. */
const READ_ONLY: readonly (readonly [Entity, string, boolean])[] = [
  ['Payments', 'accounting.payments', true],
  ['CreditNotes', 'accounting.invoices', true],
  ['BankTransactions', 'accounting.banktransactions', true],
  ['Accounts', 'accounting.settings', false],
];

/** https://developer.xero.com/documentation/api/accounting/overview (2026-11). */
export const BOOKED_ENDPOINTS: readonly Endpoint[] = READ_ONLY.flatMap(([entity, scope, isPaged]) => {
  const scopes = [scope, `${scope}.read`];
  return [
    {
      ...({ method: 'GET', collection: entity, one: false, scopes } as const),
      run(request) {
        const wanted = wantedOf(request, entity);
        if (!isPaged) return { [entity]: wanted };
        const { objects, pagination } = pageOf(request, wanted);
        return { ...(pagination && { pagination }), [entity]: objects };
      },
    },
    {
      ...({ method: 'GET', collection: entity, one: true, scopes } as const),
      run({ organisation, rest }) {
        const found = findOne(organisation, entity, { key: rest, alias: null });
        return found ? { [entity]: [found] } : notFound();
      },
    },
  ] satisfies readonly Endpoint[];
});
