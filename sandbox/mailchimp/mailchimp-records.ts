import type { Visit } from '../oauth/exchange.ts';
import type { RecordHost, RecordPart } from '../oauth/oauth-sandbox.ts';
import { LIST_ENDPOINTS } from './audience/lists.ts';
import { MEMBER_ENDPOINTS } from './audience/members.ts';
import { MERGE_FIELD_ENDPOINTS } from './audience/merge-fields.ts';
import { TAG_ENDPOINTS } from './audience/tags.ts';
import { refusalOfAddress, WEBHOOK_ENDPOINTS } from './audience/webhooks.ts';
import { recordControls } from './control/mailchimp-control.ts';
import { routesOf } from './http/endpoint.ts';
import { Connections } from './http/limits.ts';
import { reportRoutes } from './reports/report-routes.ts';
import { openMailchimpState } from './state/mailchimp-state.ts';

const ENDPOINTS = [
  ...LIST_ENDPOINTS,
  ...MEMBER_ENDPOINTS,
  ...TAG_ENDPOINTS,
  ...MERGE_FIELD_ENDPOINTS,
  ...WEBHOOK_ENDPOINTS,
];

const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

/** What accounts have at the stand-in Mailchimp, and the endpoints that show and change it. */
export async function openMailchimpRecords({ ledger, accounts, home }: RecordHost): Promise<RecordPart> {
  const state = await openMailchimpState(home);
  const connections = new Connections();
  return {
    service: {
      routes: [...routesOf(state, ENDPOINTS), ...reportRoutes(state)],
      bodyLimitBytes: BODY_LIMIT_BYTES,
      pageOf,
      admit: (visit, account) => (account === null ? null : refusalOfAddress(visit)),
      latencyMs: () => connections.limits.latencyMs,
      connections,
    },
    controls: (base) => recordControls({ state, ledger, accounts, connections }, base),
    close: () => {
      state.close();
    },
  };
}

/** A page is a later one when it passes over what came before. */
function pageOf({ method, path, query }: Visit): 'first' | 'later' | null {
  if (method !== 'GET' || !/^\/3\.0\/lists\/[^/]+\/members$/.test(path)) return null;
  return Number(query.get('offset') ?? '0') > 0 ? 'later' : 'first';
}
