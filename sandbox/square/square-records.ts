import type { RecordHost, RecordPart } from '../oauth/oauth-sandbox.ts';
import type { Visit } from '../oauth/exchange.ts';
import { CATALOGUE_ENDPOINTS } from './catalogue/catalogue-endpoints.ts';
import { eventsOf } from './change-events.ts';
import { recordControls } from './control/square-control.ts';
import { CUSTOMER_ENDPOINTS } from './customers/customers.ts';
import { mergeOf } from './customers/merging.ts';
import { routeOf } from './http/endpoint.ts';
import type { Endpoint } from './http/endpoint.ts';
import { RateLimiter } from './http/limits.ts';
import { INVENTORY_ENDPOINTS } from './inventory/inventory.ts';
import { INVOICE_ENDPOINTS } from './invoices/invoices.ts';
import { LOYALTY_ENDPOINTS } from './loyalty/loyalty.ts';
import { PAYMENT_ENDPOINTS } from './payments/payments.ts';
import { openSquareState } from './state/square-state.ts';
import type { SquareState } from './state/square-state.ts';
import { webhookOf } from './webhooks.ts';

const ENDPOINTS: readonly Endpoint[] = [
  ...CUSTOMER_ENDPOINTS,
  ...CATALOGUE_ENDPOINTS,
  ...INVENTORY_ENDPOINTS,
  ...PAYMENT_ENDPOINTS,
  ...INVOICE_ENDPOINTS,
  ...LOYALTY_ENDPOINTS,
];

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** What merchants have at the stand-in Square, and the endpoints that show and change it. */
export async function openSquareRecords(host: RecordHost): Promise<RecordPart> {
  const { ledger, accounts, home } = host;
  const state = await openSquareState(home);
  state.onChange = sendingChanges(host, state);
  const limiter = new RateLimiter();
  return {
    service: {
      routes: ENDPOINTS.map((endpoint) =>
        routeOf({ state, searchDelayMs: () => limiter.limits.searchDelayMs }, endpoint),
      ),
      bodyLimitBytes: BODY_LIMIT_BYTES,
      pageOf,
      admit: (visit, account) => (account !== null && isApi(visit) ? limiter.refusalOf(account) : null),
      latencyMs: () => limiter.limits.latencyMs,
    },
    controls: (base) => recordControls({ state, ledger, accounts, limiter }, base),
    close: () => {
      state.close();
    },
  };
}

/**
 * Sends an application the events of "all authorized sellers" (https://developer.squareup.com/docs/webhooks-api/subscribe-to-events,
 * 2026-11): of merchants who have given it the permission that an event takes.
 */
function sendingChanges({ ledger, app, webhooks }: RecordHost, state: SquareState): SquareState['onChange'] {
  return (change) => {
    if (webhooks.url === null) return;
    const permissions = ledger.liveGrants(change.account).flatMap(({ scopes }) => scopes);
    const context = {
      nowMs: ledger.clock.nowMs(),
      mergeOf: (customer: { readonly id: string; readonly isDeleted: boolean }) =>
        mergeOf(state, change.account, customer),
    };
    for (const { event, permission } of eventsOf(change, context))
      if (permissions.includes(permission)) webhooks.send(webhookOf(app, event));
  };
}

const isApi = ({ path }: Visit) => path.startsWith('/v2/');

const LISTS =
  /^\/v2\/(invoices\/search|payments|refunds|disputes|customers|customers\/search|catalog\/(?:search|search-catalog-items)|inventory\/(counts|changes)\/batch-retrieve)$/;

/** A page is a later one when its request has a cursor, in the query or in the body. */
function pageOf({ method, path, query, body }: Visit): 'first' | 'later' | null {
  const isSearch =
    path.endsWith('/search') || path.endsWith('/search-catalog-items') || path.endsWith('/batch-retrieve');
  if (!LISTS.test(path) || method !== (isSearch ? 'POST' : 'GET')) return null;
  return query.has('cursor') || /"cursor"\s*:\s*"/.test(body) ? 'later' : 'first';
}
