import type { Visit } from '../oauth/exchange.ts';
import type { RecordHost, RecordPart } from '../oauth/oauth-sandbox.ts';
import { recordControls } from './control/quickbooks-control.ts';
import { ENTITY_ENDPOINTS } from './entities/entity-endpoints.ts';
import { routesOf } from './http/endpoint.ts';
import { Meter } from './http/limits.ts';
import { REPORT_ENDPOINTS } from './reports/report-endpoints.ts';
import { openQuickBooksState } from './state/quickbooks-state.ts';
import { ChangeWebhooks } from './webhooks.ts';

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

/** What companies have at the stand-in QuickBooks, and the endpoints that show and change it. */
export async function openQuickBooksRecords({
  ledger,
  accounts,
  home,
  app,
  webhooks: { url },
}: RecordHost): Promise<RecordPart> {
  const state = await openQuickBooksState(home);
  const meter = new Meter();
  const webhooks = new ChangeWebhooks(app, url);
  return {
    service: {
      routes: routesOf({ state, webhooks }, [...REPORT_ENDPOINTS, ...ENTITY_ENDPOINTS]),
      bodyLimitBytes: BODY_LIMIT_BYTES,
      pageOf,
      admit: (visit, company) => (company !== null && isApi(visit) ? meter.refusalOf(company, visit) : null),
      latencyMs: () => meter.limits.latencyMs,
      connections: meter,
    },
    controls: (base) => recordControls({ state, ledger, accounts, meter, webhooks }, base),
    close: () => {
      webhooks.close();
      state.close();
    },
  };
}

const isApi = ({ path }: Visit) => path.startsWith('/v3/');

/** A page is a later one when its query starts behind the first object. */
function pageOf({ method, path, query }: Visit): 'first' | 'later' | null {
  if (method !== 'GET' || !path.endsWith('/query')) return null;
  const [, start = '1'] = /startposition\s+(\d+)/i.exec(query.get('query') ?? '') ?? [];
  return Number(start) > 1 ? 'later' : 'first';
}
