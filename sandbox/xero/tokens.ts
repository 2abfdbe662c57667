import { createHash, randomUUID } from 'node:crypto';
import { randomId } from '../core/ids.ts';
import { authorizationOf, basicOf, formOf, json, sameSecret } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import { DAY_MS, endGrants, grantOf, newestRefresh, redeemable, secondsUntil, tokenOf } from '../oauth/grants.ts';
import { put } from '../oauth/ledger-rows.ts';
import type { App, Change, Grant, Token } from '../oauth/ledger-rows.ts';
import { oauthError, tokenExpired, tokenInvalid } from './errors.ts';

// https://developer.xero.com/faq/oauth2 (2026-11)
const ACCESS_LIFE_MS = 30 * 60_000;
const REFRESH_IDLE_LIFE_MS = 60 * DAY_MS;
const PREVIOUS_REFRESH_GRACE_MS = 30 * 60_000;

/** `POST /connect/token`: Basic authentication and a form body. */
export function issueTokens(visit: Visit): Reply {
  const app = applicationOf(visit);
  const form = formOf(visit) ?? {};
  if (form['grant_type'] === 'authorization_code') return exchangeCode(visit, form, app);
  if (form['grant_type'] === 'refresh_token') return refresh(visit, form, app);
  throw oauthError(400, 'unsupported_grant_type');
}

/** `POST /connect/revocation`: ends every connection of the user. Answers an empty 200 for any token. */
export function revokeTokens(visit: Visit): Reply {
  const { ledger, nowMs } = visit;
  const app = applicationOf(visit);
  const known = ledger.token(formOf(visit)?.['token'] ?? '', 'refresh');
  const ended = known?.grant.app === app.id ? liveGrantsOf(visit, app.id) : [];
  return { status: 200, headers: {}, body: '', changes: endGrants(ended, 'app', nowMs) };
}

/** All accounts of the stand-in belong to one user, so that a token opens every organisation that is connected. */
export const liveGrantsOf = ({ ledger }: Pick<Visit, 'ledger'>, app: string): readonly Grant[] =>
  ledger.all('grants').filter((grant) => grant.app === app && grant.endedAtMs === null);

/** Names one consent in tokens and connections. */
export function authEventIdOf({ id }: Pick<Grant, 'id'>): string {
  const hex = createHash('sha256').update(id).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/**
 * The token of a request. An access token is signed and lasts until it expires, also when its organisation was
 * disconnected. Throws a 401 `Refusal`.
 */
export function callerOf(visit: Visit): { readonly token: Token; readonly grant: Grant } {
  const known = visit.ledger.token(authorizationOf(visit, 'bearer') ?? '', 'access');
  if (!known || visit.ledger.refusedAccounts.has(known.grant.account)) throw tokenInvalid();
  if ((known.token.expiresAtMs ?? Infinity) <= visit.nowMs) throw tokenExpired();
  return known;
}

function applicationOf(visit: Visit): App {
  const given = basicOf(visit);
  const app = visit.ledger.get('apps', given?.user ?? '');
  if (!app || !sameSecret(given?.password, app.secret)) throw oauthError(401, 'invalid_client');
  return app;
}

function exchangeCode(visit: Visit, form: Readonly<Record<string, string>>, app: App): Reply {
  const found = redeemable(visit.ledger, form['code'], app.id);
  if (found.code === null || 'problem' in found || found.code.redirectUri !== form['redirect_uri'])
    throw oauthError(400, 'invalid_grant');
  const { grant, changes } = grantOf(found.code, visit.nowMs);
  const refreshToken = refreshTokenOf(grant, visit.nowMs);
  return tokenAnswer(visit, { grant, refreshToken }, [...changes, ...newestRefresh(grant, refreshToken)]);
}

/**
 * Each refresh changes the token. The previous one works for another 30 minutes and returns the newest, so that a client
 * can recover from a lost answer.
 */
function refresh(visit: Visit, form: Readonly<Record<string, string>>, app: App): Reply {
  const { ledger, nowMs } = visit;
  const known = ledger.token(form['refresh_token'] ?? '', 'refresh');
  if (known?.grant.app !== app.id || known.state !== 'live') throw oauthError(400, 'invalid_grant');
  const { token, grant } = known;
  const newest = grant.refreshToken === token.id ? null : ledger.token(grant.refreshToken ?? '', 'refresh');
  if (newest) return tokenAnswer(visit, { grant, refreshToken: newest.token }, []);
  const next = refreshTokenOf(grant, nowMs);
  return tokenAnswer(visit, { grant, refreshToken: next }, [
    put('tokens', { ...token, endsAtMs: nowMs + PREVIOUS_REFRESH_GRACE_MS }),
    ...newestRefresh(grant, next),
  ]);
}

const refreshTokenOf = (grant: Grant, nowMs: number): Token =>
  tokenOf(grant, { id: randomId('', 43), kind: 'refresh', nowMs, lifeMs: REFRESH_IDLE_LIFE_MS });

/** Without a refresh token where `offline_access` was not asked for. */
function tokenAnswer(
  { nowMs }: Visit,
  { grant, refreshToken }: { readonly grant: Grant; readonly refreshToken: Token },
  changes: readonly Change[],
): Reply {
  const accessToken = tokenOf(grant, { id: jwtOf(grant, nowMs), kind: 'access', nowMs, lifeMs: ACCESS_LIFE_MS });
  return json(
    {
      access_token: accessToken.id,
      expires_in: secondsUntil(accessToken.expiresAtMs ?? nowMs, nowMs),
      token_type: 'Bearer',
      ...(grant.scopes.includes('offline_access') && { refresh_token: refreshToken.id }),
      scope: grant.scopes.join(' '),
    },
    { changes: [...changes, put('tokens', accessToken)], headers: { 'cache-control': 'no-store' } },
  );
}

/** Looks like Xero’s token: the claims can be read, the signature is none. */
function jwtOf(grant: Grant, nowMs: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    nbf: Math.floor(nowMs / 1_000),
    exp: Math.floor((nowMs + ACCESS_LIFE_MS) / 1_000),
    iss: 'https://identity.xero.com',
    aud: 'https://identity.xero.com/resources',
    client_id: grant.app,
    authentication_event_id: authEventIdOf(grant),
    scope: grant.scopes,
    jti: randomUUID(),
  };
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${randomId('', 60)}`;
}
