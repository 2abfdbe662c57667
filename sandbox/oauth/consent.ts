import { randomId } from '../core/ids.ts';
import { consentPage, problemPage } from './consent-page.ts';
import { formOf, Refusal } from './exchange.ts';
import type { AccountBook, Reply, Route, Visit } from './exchange.ts';
import type { Ledger } from './ledger.ts';
import { put } from './ledger-rows.ts';
import type { Account, App, Change } from './ledger-rows.ts';

/** A valid authorisation request. */
export interface Asked {
  readonly app: App;
  readonly scopes: readonly string[];
  readonly state: string | null;
  /** Where the account owner is sent back to. */
  readonly redirectUri: string;
  /** Whether the URL itself named it. If so, the exchange must repeat it at providers that require that. */
  readonly redirectUriSent: boolean;
  readonly challenge: string | null;
}

/** One provider's authorisation page for one of its flows. */
export interface ConsentRules {
  readonly provider: string;
  readonly flow: string;
  /** Matches the whole path of the page. */
  readonly path: RegExp;
  readonly codePrefix: string;
  readonly codeLifeMs: number;
  readonly responseType: 'required' | 'optional';
  readonly redirectUri: 'required' | 'optional';
  readonly state: 'required' | 'optional';
  /** The requested scopes. Throws a `LinkProblem` for scopes that the provider does not know. */
  scopesOf(query: URLSearchParams): readonly string[];
  /** Null when the provider does not support PKCE and ignores a challenge. */
  readonly challenge: ((query: URLSearchParams) => string | null) | null;
  /** The parameters returned beside the code, under the provider's names, without `state`. */
  approved(about: {
    readonly code: string;
    readonly account: Account;
    readonly asked: Asked;
  }): Readonly<Record<string, string>>;
  readonly denied: Readonly<Record<string, string>>;
}

/** An authorisation URL for which no provider would show its page. */
export class LinkProblem extends Error {
  override readonly name = 'LinkProblem';
}

/** `account` is an id, or `new` to create one. */
export type Decision = { readonly kind: 'deny' } | { readonly kind: 'allow'; readonly account: string | undefined };

export interface Decided {
  readonly redirectUrl: string;
  /** Null when access was denied. */
  readonly account: Account | null;
  readonly changes: readonly Change[];
}

export function consentRoutes(rules: ConsentRules): readonly Route[] {
  const onPage =
    (run: (visit: Visit) => Reply) =>
    (visit: Visit): Reply => {
      try {
        return run(visit);
      } catch (error) {
        if (error instanceof LinkProblem) throw new Refusal(problemPage(rules.provider, error.message));
        throw error;
      }
    };
  return [
    { method: 'GET', path: rules.path, run: onPage((visit) => show(rules, visit)) },
    { method: 'POST', path: rules.path, run: onPage((visit) => answerForm(rules, visit)) },
  ];
}

/** Decides on an authorisation request for an account owner. Throws a `LinkProblem` when the request is invalid. */
export function decide(
  rules: ConsentRules,
  { ledger, accounts }: { readonly ledger: Ledger; readonly accounts: AccountBook },
  { query, decision }: { readonly query: URLSearchParams; readonly decision: Decision },
): Decided {
  const asked = readRequest(rules, ledger, query);
  if (decision.kind === 'deny') return { redirectUrl: backTo(asked, rules.denied), account: null, changes: [] };
  const account = chosen(accounts, decision.account);
  const code = {
    id: randomId(rules.codePrefix, 28),
    app: asked.app.id,
    flow: rules.flow,
    account: account.id,
    scopes: asked.scopes,
    redirectUri: asked.redirectUriSent ? asked.redirectUri : null,
    challenge: asked.challenge,
    expiresAtMs: ledger.clock.nowMs() + rules.codeLifeMs,
    grant: null,
  };
  return {
    redirectUrl: backTo(asked, rules.approved({ code: code.id, account, asked })),
    account,
    changes: [put('codes', code)],
  };
}

function show(rules: ConsentRules, { ledger, accounts, path, query }: Visit): Reply {
  const { app, scopes } = readRequest(rules, ledger, query);
  return consentPage({
    provider: rules.provider,
    clientId: app.id,
    scopes,
    accounts: accounts.list(),
    action: path,
    request: query.toString(),
  });
}

function answerForm(rules: ConsentRules, visit: Visit): Reply {
  const { request = '', decision = '', account } = formOf(visit) ?? {};
  if (decision !== 'allow' && decision !== 'deny') throw new LinkProblem('Choose Allow or Deny.');
  const { redirectUrl, changes } = decide(rules, visit, {
    query: new URLSearchParams(request),
    decision: decision === 'deny' ? { kind: 'deny' } : { kind: 'allow', account },
  });
  return { status: 302, headers: { location: redirectUrl, 'cache-control': 'no-store' }, body: '', changes };
}

function chosen(accounts: AccountBook, id: string | undefined): Account {
  if (id === 'new') return accounts.add(undefined);
  const known = accounts.list();
  const account = id === undefined ? known[0] : known.find((each) => each.id === id);
  if (!account) throw new LinkProblem(`There is no account ${String(id)}.`);
  return account;
}

function readRequest(rules: ConsentRules, ledger: Ledger, query: URLSearchParams): Asked {
  refuseRepeated(query);
  const app = ledger.get('apps', query.get('client_id') ?? '');
  if (app?.flow !== rules.flow) throw new LinkProblem('No application has this client_id.');
  if ((demanded(query, 'response_type', rules.responseType) ?? 'code') !== 'code')
    throw new LinkProblem('response_type must be code.');
  return {
    app,
    state: demanded(query, 'state', rules.state),
    scopes: rules.scopesOf(query),
    challenge: rules.challenge?.(query) ?? null,
    ...redirectOf(rules, app, query.get('redirect_uri')),
  };
}

function refuseRepeated(query: URLSearchParams): void {
  const repeated = [...query.keys()].find((name) => query.getAll(name).length > 1);
  if (repeated !== undefined) throw new LinkProblem(`${repeated} is given more than once.`);
}

function demanded(query: URLSearchParams, name: string, demand: 'required' | 'optional'): string | null {
  const value = query.get(name);
  if (value === null && demand === 'required') throw new LinkProblem(`${name} is missing.`);
  return value;
}

function redirectOf(
  { redirectUri: demand }: ConsentRules,
  { redirectUris }: App,
  sent: string | null,
): Pick<Asked, 'redirectUri' | 'redirectUriSent'> {
  if (sent === null) {
    const [registered] = redirectUris;
    if (demand === 'required' || registered === undefined)
      throw new LinkProblem('redirect_uri is missing, and none is registered.');
    return { redirectUri: registered, redirectUriSent: false };
  }
  const fits = redirectUris.length === 0 ? isAcceptable(sent) : redirectUris.includes(sent);
  if (!fits) throw new LinkProblem('redirect_uri is not one that is registered for the application.');
  return { redirectUri: sent, redirectUriSent: true };
}

function isAcceptable(uri: string): boolean {
  const url = URL.parse(uri);
  if (!url || url.hash !== '' || url.username !== '') return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname))
  );
}

function backTo({ redirectUri, state }: Asked, params: Readonly<Record<string, string>>): string {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  if (state !== null) url.searchParams.set('state', state);
  return url.href;
}

/** An S256 challenge, the only method any of the providers supports. Throws a `LinkProblem` for any other. */
export function s256Challenge(query: URLSearchParams): string | null {
  const challenge = query.get('code_challenge');
  if ((query.get('code_challenge_method') ?? 'S256') !== 'S256')
    throw new LinkProblem('code_challenge_method must be S256.');
  if (challenge !== null && !/^[\w-]{43}$/.test(challenge))
    throw new LinkProblem('code_challenge is not the base64url of a SHA-256.');
  return challenge;
}
