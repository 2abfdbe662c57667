import { randomId } from '../core/ids.ts';
import { authorizationOf, json, jsonOf, provesChallenge, Refusal, sameSecret } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import { DAY_MS, endGrants, grantOf, newestRefresh, redeemable, tokenOf } from '../oauth/grants.ts';
import { put } from '../oauth/ledger-rows.ts';
import type { App, Change, Code, Grant, Token } from '../oauth/ledger-rows.ts';
import { invalidRequest, squareError, unauthorised, unknownApplication } from './errors.ts';

// https://developer.squareup.com/reference/square/o-auth-api/obtain-token and
// https://developer.squareup.com/docs/oauth-api/refresh-revoke-limit-scope (2026-11)
const ACCESS_LIFE_MS = 30 * DAY_MS;
const SHORT_ACCESS_LIFE_MS = DAY_MS;
const PKCE_REFRESH_LIFE_MS = 90 * DAY_MS;

type Fields = Readonly<Record<string, unknown>>;

/**
 * `POST /oauth2/token`. The code flow authenticates with the application secret at each call; PKCE uses the verifier
 * and single-use refresh tokens.
 */
export function obtainToken(visit: Visit): Reply {
  const fields = jsonOf(visit);
  if (fields === null) throw invalidRequest('BAD_REQUEST', 'The request body is not JSON.');
  const app = applicationOf(visit, fields);
  const grantType = required(fields, 'grant_type');
  if (grantType === 'authorization_code') return exchangeCode(visit, fields, app);
  if (grantType === 'refresh_token') return refresh(visit, fields, app);
  throw invalidRequest('INVALID_VALUE', `\`${grantType}\` is not a valid grant type.`, 'grant_type');
}

/**
 * `POST /oauth2/revoke`: ends everything that the merchant granted to the application, whichever of its tokens is
 * given.
 */
export function revokeToken(visit: Visit): Reply {
  const { ledger, nowMs } = visit;
  const fields = jsonOf(visit) ?? {};
  const app = ledger.get('apps', required(fields, 'client_id'));
  if (!app || !sameSecret(authorizationOf(visit, 'Client'), app.secret)) throw unknownApplication();
  const { access_token: accessToken, merchant_id: merchantId } = fields;
  if ((typeof accessToken === 'string') === (typeof merchantId === 'string'))
    throw invalidRequest('BAD_REQUEST', 'Give either access_token or merchant_id.');
  const known = ledger.token(String(accessToken), 'access');
  if (known && fields['revoke_only_access_token'] === true)
    return json({ success: true }, { changes: [put('tokens', { ...known.token, endsAtMs: nowMs })] });
  const grants = ledger.liveGrants(known?.grant.account ?? String(merchantId)).filter((grant) => grant.app === app.id);
  if (grants.length === 0) throw notFound();
  return json({ success: true }, { changes: endGrants(grants, 'app', nowMs) });
}

/** The application of the request. The secret is optional here, but a wrong one is refused in either flow. */
function applicationOf({ ledger }: Visit, fields: Fields): App {
  const app = ledger.get('apps', required(fields, 'client_id'));
  const secret = fields['client_secret'] ?? null;
  if (!app || (secret !== null && (typeof secret !== 'string' || !sameSecret(secret, app.secret))))
    throw unknownApplication();
  return app;
}

function exchangeCode(visit: Visit, fields: Fields, app: App): Reply {
  const { ledger, nowMs } = visit;
  const found = redeemable(ledger, required(fields, 'code'), app.id);
  if (found.code === null) {
    // Reports a missing secret and verifier before the unknown code.
    if (fields['code_verifier'] === undefined) required(fields, 'client_secret');
    throw unauthorised(`Authorization code not found for app ${app.id}`);
  }
  proveExchange(fields, found.code);
  if ('problem' in found)
    throw unauthorised(
      found.problem === 'used' ? 'Authorization code is already claimed.' : 'Authorization code is expired.',
    );
  const { grant, changes } = grantOf(found.code, nowMs);
  const pkce = found.code.challenge !== null;
  const refreshToken = tokenOf(grant, {
    id: randomId('EQAAl', 59),
    kind: 'refresh',
    nowMs,
    lifeMs: pkce ? PKCE_REFRESH_LIFE_MS : null,
  });
  const accessToken = accessTokenOf(grant, fields, nowMs);
  return tokenAnswer(grant, { accessToken, refreshToken, shortLived: isShort(fields) }, [
    ...changes,
    put('tokens', accessToken),
    ...newestRefresh(grant, refreshToken),
  ]);
}

/**
 * Requires the secret in the code flow, the verifier in PKCE, and the redirect URL when the authorisation URL named it.
 */
function proveExchange(fields: Fields, { challenge, redirectUri }: Code): void {
  if (challenge === null) required(fields, 'client_secret');
  else if (!provesChallenge(required(fields, 'code_verifier'), challenge))
    throw unauthorised('The code verifier does not match the code challenge.');
  if (redirectUri !== null && required(fields, 'redirect_uri') !== redirectUri)
    throw unauthorised('The redirect_uri does not match the one of the authorization.');
}

function refresh(visit: Visit, fields: Fields, app: App): Reply {
  const { ledger, nowMs } = visit;
  const known = ledger.token(required(fields, 'refresh_token'), 'refresh');
  if (known?.grant.app !== app.id) throw unauthorised('The refresh token is not valid.');
  const { token, grant, state } = known;
  const pkce = token.expiresAtMs !== null;
  if (!pkce) required(fields, 'client_secret');
  if (state !== 'live') throw unauthorised(`The refresh token is ${state === 'superseded' ? 'already used' : state}.`);
  const accessToken = accessTokenOf(grant, fields, nowMs);
  if (!pkce)
    return tokenAnswer(grant, { accessToken, refreshToken: token, shortLived: isShort(fields) }, [
      put('tokens', accessToken),
    ]);
  const next = tokenOf(grant, { id: randomId('EQAAl', 59), kind: 'refresh', nowMs, lifeMs: PKCE_REFRESH_LIFE_MS });
  return tokenAnswer(grant, { accessToken, refreshToken: next, shortLived: isShort(fields) }, [
    put('tokens', { ...token, endsAtMs: nowMs }),
    put('tokens', accessToken),
    ...newestRefresh(grant, next),
  ]);
}

function isShort(fields: Fields): boolean {
  return fields['short_lived'] === true;
}

function accessTokenOf(grant: Grant, fields: Fields, nowMs: number): Token {
  const wanted = Array.isArray(fields['scopes']) ? fields['scopes'] : null;
  const scopes = grant.scopes.filter((scope) => wanted === null || wanted.includes(scope));
  return tokenOf(grant, {
    id: randomId('EAAAl', 59),
    kind: 'access',
    nowMs,
    lifeMs: isShort(fields) ? SHORT_ACCESS_LIFE_MS : ACCESS_LIFE_MS,
    scopes,
  });
}

/** Omits `expires_in`, and dates the refresh token only in PKCE. */
function tokenAnswer(
  grant: Grant,
  {
    accessToken,
    refreshToken,
    shortLived,
  }: { readonly accessToken: Token; readonly refreshToken: Token; readonly shortLived: boolean },
  changes: readonly Change[],
): Reply {
  return json(
    {
      access_token: accessToken.id,
      token_type: 'bearer',
      expires_at: iso(accessToken.expiresAtMs ?? 0),
      merchant_id: grant.account,
      refresh_token: refreshToken.id,
      short_lived: shortLived,
      ...(refreshToken.expiresAtMs !== null && { refresh_token_expires_at: iso(refreshToken.expiresAtMs) }),
    },
    { changes },
  );
}

/** An ISO time in whole seconds, as Square writes it. */
export function iso(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function required(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw invalidRequest('MISSING_REQUIRED_PARAMETER', `missing required parameter '${name}'`, name);
}

function notFound() {
  return new Refusal(
    squareError(404, {
      category: 'INVALID_REQUEST_ERROR',
      code: 'NOT_FOUND',
      detail: 'The access token or merchant was not found.',
    }),
  );
}
