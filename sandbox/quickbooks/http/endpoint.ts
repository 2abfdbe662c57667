import { json, jsonOf, Refusal } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { companyOf } from '../company.ts';
import { accountingFault } from '../errors.ts';
import { withAccounts } from '../state/chart-of-accounts.ts';
import { timeOf } from '../state/quickbooks-state.ts';
import type { Company, QuickBooksState, WireObject } from '../state/quickbooks-state.ts';
import type { ChangeWebhooks } from '../webhooks.ts';

/** A request whose sender is known and may make it. */
export interface CompanyRequest {
  readonly company: Company;
  readonly visit: Visit;
  /** What follows the company in the path, such as `customer/5`. */
  readonly rest: string;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST';
  /** Matches what follows the company in the path. */
  readonly rest: RegExp;
  /** Answers the body. Throws a `Refusal` to refuse. */
  readonly run: (request: CompanyRequest) => object;
}

/** The routes of all endpoints: the company is the first part of the path. */
export function routesOf(
  { state, webhooks }: { readonly state: QuickBooksState; readonly webhooks: ChangeWebhooks },
  endpoints: readonly Endpoint[],
): readonly Route[] {
  const inCompany = (method: Endpoint['method']): Route => ({
    method,
    path: /^\/v3\/company\/(\d+)\/.+$/,
    run(visit, realmId): Reply {
      const account = companyOf(visit, realmId);
      const rest = visit.path.split('/').slice(4).join('/');
      const endpoint = endpoints.find((one) => one.method === method && one.rest.test(rest));
      if (!endpoint) throw unsupported(visit.path);
      const company: Company = {
        ...{ state, id: account.id, nowMs: visit.nowMs },
        homeCurrency: account.details['homeCurrency'] ?? 'USD',
        note: (change) => {
          webhooks.note({ ...change, company: account.id, atMs: visit.nowMs });
        },
      };
      withAccounts(company);
      const before = state.revision;
      const body = once({ company, visit, rest }, endpoint);
      return json({ ...body, time: timeOf(visit.nowMs) }, { written: state.revision !== before });
    },
  });
  const elsewhere = (method: Endpoint['method']): Route => ({
    method,
    path: /^\/v3\//,
    run(visit): Reply {
      throw unsupported(visit.path);
    },
  });
  return (['GET', 'POST'] as const).flatMap((method) => [inCompany(method), elsewhere(method)]);
}

/**
 * Answers a repeated `requestid` as it was answered first, whatever the request has now; 50 characters at most, and 36 for a
 * batch (https://blogs.intuit.com/2015/04/06/15346/, 2026-11). That refusals are not kept is an assumption.
 */
function once(request: CompanyRequest, endpoint: Endpoint): object {
  const { company, visit, rest } = request;
  const key = visit.query.get('requestid') ?? '';
  if (key === '' || endpoint.method === 'GET') return endpoint.run(request);
  if (key.length > (rest === 'batch' ? 36 : 50)) throw invalidRequest('requestid is too long.');
  const kept = company.state.answerUnder(company.id, key);
  if (kept) return kept.body;
  const body = endpoint.run(request);
  company.state.keepAnswer(company.id, key, { request: rest, body });
  return body;
}

/** The object in the body. Throws a `Refusal`. */
export function bodyOf({ visit }: Pick<CompanyRequest, 'visit'>): WireObject {
  const body = jsonOf(visit);
  if (body === null) throw invalidRequest('The request body is not JSON.');
  return body;
}

export const invalidRequest = (detail: string): Refusal =>
  new Refusal(accountingFault(400, { code: '2010', message: 'Request has invalid or unsupported property', detail }));

/**
 * Answers an unknown operation with 400, not 404 (https://github.com/IntuitDeveloper/SampleApp-CRUD-PHP/issues/7, read
 * 2026-11-28).
 */
export const unsupported = (path: string): Refusal =>
  new Refusal(
    accountingFault(400, {
      code: '500',
      message: 'Unsupported Operation',
      detail: `Operation Could not find resource for relative : ${path} of full path: https://sandbox.example${path} is not supported.`,
    }),
  );
