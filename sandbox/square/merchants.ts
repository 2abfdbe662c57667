import { authorizationOf, json, Refusal } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { squareError, unauthorised } from './errors.ts';
import { iso } from './tokens.ts';

/** Whom a request acts for, and what it may do. */
export interface Bearer {
  readonly merchant: Account;
  /** Null for a personal access token, which has every permission. */
  readonly scopes: readonly string[] | null;
  readonly clientId: string | null;
  readonly expiresAtMs: number | null;
}

/** `POST /oauth2/token/status`: the scopes and expiry of a token. */
export function tokenStatus(visit: Visit): Reply {
  const { merchant, scopes, clientId, expiresAtMs } = bearerOf(visit);
  return json({
    scopes: scopes ?? [],
    ...(expiresAtMs !== null && { expires_at: iso(expiresAtMs) }),
    ...(clientId !== null && { client_id: clientId }),
    merchant_id: merchant.id,
  });
}

/** `GET /v2/merchants/me`, or by id. */
export function retrieveMerchant(visit: Visit, id: string): Reply {
  const { merchant } = bearerWith(visit, 'MERCHANT_PROFILE_READ');
  if (id !== 'me' && id !== merchant.id)
    throw new Refusal(
      squareError(404, { category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail: `Merchant ${id} not found.` }),
    );
  return json({ merchant: render(merchant) });
}

/** `GET /v2/merchants`: lists the merchant that the token belongs to. */
export function listMerchants(visit: Visit): Reply {
  return json({ merchant: [render(bearerWith(visit, 'MERCHANT_PROFILE_READ').merchant)] });
}

/** Throws a `Refusal`: 401 for a token that does not work, 403 for one without this scope. */
export function bearerWith(visit: Visit, scope: string): Bearer {
  const bearer = bearerOf(visit);
  if (bearer.scopes === null || bearer.scopes.includes(scope)) return bearer;
  const detail = `The merchant has not given your application sufficient permissions to do that. The merchant must authorize your application for the following scopes: ${scope}`;
  throw new Refusal(squareError(403, { category: 'AUTHENTICATION_ERROR', code: 'INSUFFICIENT_SCOPES', detail }));
}

/** Throws a 401 `Refusal` for a token that is unknown, expired or revoked. */
function bearerOf(visit: Visit): Bearer {
  const { ledger, accounts } = visit;
  const given = authorizationOf(visit, 'bearer');
  if (given === null)
    throw unauthorised('Your request did not include an `Authorization` http header with an access token.');
  const personal = accounts
    .list()
    .find(({ id, details }) => details['personalToken'] === given && !ledger.refusedAccounts.has(id));
  if (personal) return { merchant: personal, scopes: null, clientId: null, expiresAtMs: null };
  const known = ledger.token(given, 'access');
  const merchant = known && ledger.get('accounts', known.grant.account);
  if (!known || !merchant) throw unauthorised('This request could not be authorized.');
  if (known.state === 'expired') throw unauthorised('The provided access token has expired.', 'ACCESS_TOKEN_EXPIRED');
  if (known.state !== 'live') throw unauthorised('The provided access token has been revoked.', 'ACCESS_TOKEN_REVOKED');
  return { merchant, scopes: known.token.scopes, clientId: known.grant.app, expiresAtMs: known.token.expiresAtMs };
}

/** https://developer.squareup.com/reference/square/objects/Merchant (2026-11). */
function render({ id, name, details }: Account) {
  return {
    id,
    business_name: name,
    country: 'GB',
    language_code: 'en-GB',
    currency: 'GBP',
    status: 'ACTIVE',
    main_location_id: details['mainLocationId'],
    created_at: details['createdAt'],
  };
}
