import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from './failure.ts';
import type { Route } from './routes.ts';
import { accountNamedIn } from '../oauth/granted-keys.ts';
import type { GrantedKeys } from '../oauth/granted-keys.ts';
import type { Credential, StripeState } from '../state/state.ts';

/**
 * Finds the account behind a bearer key or the Basic user name. Throws a 401 `Failure` for a missing, wrong or expired
 * key.
 */
export function authenticate(
  { state, grantedKeys }: { readonly state: StripeState; readonly grantedKeys: GrantedKeys },
  headers: IncomingHttpHeaders,
): Credential {
  const key = keyIn(headers.authorization);
  if (key === null) {
    throw unauthorised(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    );
  }
  const credential = state.credential(key) ?? grantedKeys.credential(key, headers);
  if (!credential) throw unauthorised(`Invalid API Key provided: ${masked(key)}`);
  if (credential.kind === 'expired') throw unauthorised(`Expired API Key provided: ${masked(key)}`, 'api_key_expired');
  return credential;
}

export function revoked(headers: IncomingHttpHeaders, code: string | undefined): Failure {
  return unauthorised(`Invalid API Key provided: ${masked(keyIn(headers.authorization) ?? '')}`, code);
}

/**
 * Throws a 403 `Failure` when the key lacks the permission, or when the request acts for an account other than the
 * key's.
 */
export function authorise({ account, kind }: Credential, route: Route, headers: IncomingHttpHeaders): void {
  const own = account.profile.id;
  const named = accountNamedIn(headers);
  if (named !== undefined && named !== own) {
    const message = `The provided key does not have access to account '${named}' (or that account does not exist). Application access may have been revoked.`;
    throw new Failure(403, { type: 'invalid_request_error', code: 'account_invalid', message });
  }
  if (kind === 'secret' || route.permission === null || (kind === 'read-only' && route.method === 'GET')) return;
  const key = masked(keyIn(headers.authorization) ?? '');
  throw new Failure(403, {
    type: 'invalid_request_error',
    message: `The provided key '${key}' does not have the required permissions for this endpoint on account '${own}'. Having the '${route.permission}' permission would allow this request to continue.`,
  });
}

function keyIn(authorization: string | undefined): string | null {
  const [scheme = '', value = ''] = (authorization ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return value || null;
  if (/^basic$/i.test(scheme)) return Buffer.from(value, 'base64').toString('utf8').split(':')[0] || null;
  return null;
}

/** A key as Stripe quotes it: its kind and its last four characters. */
function masked(key: string): string {
  const kind = /^[a-z]{2}_(?:test|live)_/.exec(key)?.[0] ?? '';
  const rest = key.slice(kind.length);
  const shown = rest.length > 8 ? rest.slice(-4) : '';
  return `${kind}${'*'.repeat(rest.length - shown.length)}${shown}`;
}

function unauthorised(message: string, code?: string): Failure {
  return new Failure(
    401,
    { type: 'invalid_request_error', message, ...(code !== undefined && { code }) },
    { 'www-authenticate': 'Bearer realm="Stripe"' },
  );
}
