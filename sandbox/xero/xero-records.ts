import type { Visit } from '../oauth/exchange.ts';
import type { RecordHost, RecordPart } from '../oauth/oauth-sandbox.ts';
import { recordControls } from './control/xero-control.ts';
import { BOOKED_ENDPOINTS } from './entities/booked.ts';
import { CONTACT_ENDPOINTS, ORGANISATION_ENDPOINTS } from './entities/contacts.ts';
import { CREDIT_NOTE_ENDPOINTS } from './entities/credit-notes.ts';
import { INVOICE_ENDPOINTS } from './entities/invoices.ts';
import { ITEM_ENDPOINTS } from './entities/items.ts';
import { PAYMENT_ENDPOINTS } from './entities/payments.ts';
import { keepFailure, routesOf } from './http/endpoint.ts';
import { Meter } from './http/limits.ts';
import { REPORT_ENDPOINTS } from './reports/report-endpoints.ts';
import { openXeroState } from './state/xero-state.ts';
import { XeroWebhooks } from './webhooks.ts';

/** Xero takes up to 3.5 MB and refuses more than 10. */
const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

const ENDPOINTS = [
  ...ORGANISATION_ENDPOINTS,
  ...CONTACT_ENDPOINTS,
  ...ITEM_ENDPOINTS,
  ...INVOICE_ENDPOINTS,
  ...PAYMENT_ENDPOINTS,
  ...CREDIT_NOTE_ENDPOINTS,
  ...BOOKED_ENDPOINTS,
  ...REPORT_ENDPOINTS,
];

/** What organisations have at the stand-in Xero, and the endpoints that show and change it. */
export async function openXeroRecords({
  ledger,
  accounts,
  home,
  app,
  webhooks: queue,
}: RecordHost): Promise<RecordPart> {
  const state = await openXeroState(home);
  const meter = new Meter();
  const webhooks = new XeroWebhooks(app, queue);
  state.onChange = (change) => {
    webhooks.note(change);
  };
  const routes = routesOf(state, ENDPOINTS).map((route) => ({
    ...route,
    run(visit: Visit, part: string) {
      const tenant = String(visit.headers['xero-tenant-id']);
      const reply = route.run(visit, part);
      meter.egress.set(tenant, (meter.egress.get(tenant) ?? 0) + Buffer.byteLength(reply.body));
      return { ...reply, headers: { ...reply.headers, ...meter.remaining(tenant, visit.nowMs) } };
    },
  }));
  return {
    service: {
      routes,
      bodyLimitBytes: BODY_LIMIT_BYTES,
      pageOf,
      admit: (visit, account) =>
        account !== null && isApi(visit) ? meter.refusalOf(String(visit.headers['xero-tenant-id']), visit) : null,
      latencyMs: () => meter.limits.latencyMs,
      connections: meter,
      keepFailure: (visit, failure) => {
        keepFailure(state, visit, failure);
      },
    },
    controls: (base) => recordControls({ state, ledger, accounts, meter, webhooks, queue }, base),
    close: () => {
      state.close();
    },
  };
}

const isApi = ({ path }: Visit) => path.startsWith('/api.xro/');

function pageOf({ method, query }: Visit): 'first' | 'later' | null {
  if (method !== 'GET' || !query.has('page')) return null;
  return Number(query.get('page')) > 1 ? 'later' : 'first';
}
