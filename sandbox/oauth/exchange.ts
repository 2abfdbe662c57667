import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Ledger } from './ledger.ts';
import type { PageFault } from '../core/faults.ts';
import type { Account, Change } from './ledger-rows.ts';

/** The accounts that can be connected. The ledger keeps them, unless the provider's stand-in keeps its own. */
export interface AccountBook {
  list(): readonly Account[];
  /** Adds an account, as a sign-up at the provider would. */
  add(name: string | undefined): Account;
}

/** A request whose body has been read completely. */
export interface Visit {
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly nowMs: number;
  /** How the page of a list is to be wrong; null for a right one. */
  readonly pageFault: PageFault | null;
}

/** What a handler decided. Nothing has changed yet: the caller commits `changes`. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly changes: readonly Change[];
  /** Set by a handler that has changed state of its own, beside the ledger's. */
  readonly written?: boolean;
}

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** Throws a `Refusal` to refuse. `part` is the first group of `path`. */
  readonly run: (visit: Visit, part: string) => Reply;
}

/** Ends the request at once with the provider's error answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`refused with status ${reply.status}`);
    this.reply = reply;
  }
}

export function json(
  value: unknown,
  { status = 200, changes = [], headers = {}, ...rest }: Partial<Omit<Reply, 'body'>> = {},
): Reply {
  return {
    ...rest,
    status,
    changes,
    headers: { 'content-type': 'application/json;charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

export function visitOf(
  req: IncomingMessage,
  { ledger, accounts, body }: Pick<Visit, 'ledger' | 'accounts' | 'body'>,
): Visit {
  const url = new URL(req.url ?? '/', 'http://sandbox');
  return {
    ledger,
    accounts,
    body,
    method: req.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: req.headers,
    nowMs: ledger.clock.nowMs(),
    pageFault: null,
  };
}

/**
 * The fields of a form, or null for another content type. Drops a field sent twice, because a server should not choose
 * between values.
 */
export function formOf({ headers, body }: Visit): Readonly<Record<string, string>> | null {
  if (!headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return null;
  const form = new URLSearchParams(body);
  return Object.fromEntries([...form].filter(([name]) => form.getAll(name).length === 1));
}

/** The JSON object of the body, or null for another content type or value. */
export function jsonOf({ headers, body }: Visit): Readonly<Record<string, unknown>> | null {
  if (!headers['content-type']?.startsWith('application/json')) return null;
  try {
    const value = JSON.parse(body) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** The credentials after a scheme in the Authorization header, or null for another scheme. */
export function authorizationOf({ headers }: Visit, scheme: string): string | null {
  const [given = '', value = ''] = (headers.authorization ?? '').split(' ');
  return given.toLowerCase() === scheme.toLowerCase() && value !== '' ? value : null;
}

/** Basic user name and password, form-encoded as RFC 6749 section 2.3.1 requires. */
export function basicOf(visit: Visit): { readonly user: string; readonly password: string } | null {
  const encoded = authorizationOf(visit, 'basic');
  if (encoded === null) return null;
  const [user = '', password = ''] = Buffer.from(encoded, 'base64').toString('utf8').split(/:(.*)/s);
  const params = new URLSearchParams(`user=${user}&password=${password}`);
  return { user: params.get('user') ?? '', password: params.get('password') ?? '' };
}

export function sameSecret(given: string | null | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));
}

/** PKCE with S256 (RFC 7636). */
export function provesChallenge(verifier: unknown, challenge: string): boolean {
  if (typeof verifier !== 'string' || !/^[\w.~-]{43,128}$/.test(verifier)) return false;
  return createHash('sha256').update(verifier).digest('base64url') === challenge;
}
