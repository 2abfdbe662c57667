import { json, jsonOf, Refusal } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { callerOf } from '../account.ts';
import { ofStatus, problem } from '../errors.ts';
import { listsOf } from '../state/mailchimp-state.ts';
import type { MailchimpState, Owner, WireObject } from '../state/mailchimp-state.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A request whose sender is known and may make it. */
export interface MailchimpRequest {
  readonly owner: Owner;
  readonly visit: Visit;
  /** The audience of the path; empty for a path without one. */
  readonly list: string;
  /** What follows the audience in the path, in its parts. */
  readonly rest: readonly string[];
}

export interface Endpoint {
  readonly method: Method;
  /** Matches what follows `/3.0/lists`. */
  readonly path: RegExp;
  /** Answers the body; null for 204. Throws a `Refusal` to refuse. */
  readonly run: (request: MailchimpRequest) => object | null;
}

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export const routesOf = (state: MailchimpState, endpoints: readonly Endpoint[]): readonly Route[] =>
  METHODS.map((method) => ({
    method,
    path: /^\/3\.0\/lists(?:\/.*)?$/,
    run(visit): Reply {
      const { account, mayWrite } = callerOf(visit);
      if (method !== 'GET' && !mayWrite) throw new Refusal(ofStatus(403));
      const path = visit.path.slice('/3.0/lists'.length).replace(/\/$/, '');
      const endpoint = endpoints.find((one) => one.method === method && one.path.test(path));
      if (!endpoint) throw new Refusal(ofStatus(endpoints.some((one) => one.path.test(path)) ? 405 : 404));
      const owner: Owner = { state, id: account.id, name: account.name, nowMs: visit.nowMs };
      const [list = '', ...rest] = path.split('/').slice(1).map(decodeURIComponent);
      if (!listsOf(owner).some(({ id }) => list === '' || id === list)) throw notFound();
      const before = state.revision;
      const body = endpoint.run({ owner, visit, list, rest });
      const written = state.revision !== before;
      if (body === null) return { status: 204, headers: {}, body: '', changes: [], written };
      return json(withFields(body, visit.query.get('fields')), { written });
    },
  }));

export const notFound = (): Refusal => new Refusal(problem(404, 'The requested resource could not be found.'));

/** https://mailchimp.com/developer/marketing/docs/errors/ (2026-11). */
export const invalidResource = (detail: string, errors: readonly object[] = []): Refusal =>
  new Refusal(problem(400, detail, { title: 'Invalid Resource', errors }));

/** The object in the body. Throws a `Refusal`. */
export function bodyOf({ visit }: MailchimpRequest): WireObject {
  const body = jsonOf(visit);
  if (body === null)
    throw new Refusal(problem(400, 'We encountered an unspecified JSON parsing error.', { title: 'JSON Parse Error' }));
  return body;
}

/** `count` is 10 by default and at most 1,000, https://mailchimp.com/developer/marketing/docs/methods-parameters/#pagination (2026-11). */
export function pageOf<Item>({ visit }: Pick<MailchimpRequest, 'visit'>, items: readonly Item[]): readonly Item[] {
  const { query, pageFault } = visit;
  const [count, skip] = [numberIn(query, 'count', 10), numberIn(query, 'offset', 0)];
  if (count > 1_000)
    throw invalidResource('The resource submitted could not be validated.', [
      { field: 'count', message: 'Schema describes number, maximum is 1000' },
    ]);
  if (pageFault === 'page-repeat') return items.slice(Math.max(0, skip - count), skip);
  if (pageFault === 'page-skip') return items.slice(skip + count, skip + 2 * count);
  return items.slice(skip, skip + (pageFault === 'page-shrink' ? Math.ceil(count / 2) : count));
}

function numberIn(query: URLSearchParams, name: string, usual: number): number {
  const text = query.get(name);
  if (text === null) return usual;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidResource('The resource submitted could not be validated.', [
    { field: name, message: 'Schema describes number, string found instead' },
  ]);
}

/** Only the named fields, where the request names any: sub-objects with dots, through lists. */
export function withFields(body: object, fields: string | null): object {
  if (fields === null) return body;
  return pick(
    body,
    fields.split(',').map((path) => path.split('.')),
  ) as object;
}

function pick(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (Array.isArray(value)) return value.map((one) => pick(one, paths));
  if (typeof value !== 'object' || value === null || paths.some((path) => path.length === 0)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const below = paths.filter(([first]) => first === name).map(([, ...others]) => others);
      return below.length === 0 ? [] : [[name, pick(member, below)]];
    }),
  );
}
