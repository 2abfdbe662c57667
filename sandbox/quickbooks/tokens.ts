import { randomId } from '../core/ids.ts';
import { basicOf, formOf, json, jsonOf, sameSecret } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import {
  DAY_MS,
  endGrants,
  grantOf,
  HOUR_MS,
  newestRefresh,
  redeemable,
  secondsUntil,
  tokenOf,
  YEAR_MS,
} from '../oauth/grants.ts';
import { put } from '../oauth/ledger-rows.ts';
import type { App, Change, Grant, Token } from '../oauth/ledger-rows.ts';
import { oauthError } from './errors.ts';

// README.md of intuit-oauth 4.2.5, and https://blogs.intuit.com/2025/11/12/important-changes-to-refresh-token-policy/ (2026-11)
const ACCESS_LIFE_MS = HOUR_MS;
const REFRESH_IDLE_LIFE_MS = 8_726_400_000;
const PREVIOUS_REFRESH_GRACE_MS = DAY_MS;
const GRANT_LIFE_MS = 5 * YEAR_MS;

/** `POST /oauth2/v1/tokens/bearer`: Basic authentication and a form body. */
export function bearerTokens(visit: Visit): Reply {
  const app = applicationOf(visit);
  const form = formOf(visit) ?? {};
  if (form['grant_type'] === 'authorization_code') return exchangeCode(visit, form, app);
  if (form['grant_type'] === 'refresh_token') return refresh(visit, form, app);
  throw oauthError(400, form['grant_type'] === undefined ? 'invalid_request' : 'unsupported_grant_type');
}

/**
 * `POST /v2/oauth2/tokens/revoke`: ends the app's access to the company, whichever of its tokens is given. Answers
 * without a body.
 */
export function revokeTokens(visit: Visit): Reply {
  const { ledger, nowMs } = visit;
  const app = applicationOf(visit);
  const token = (jsonOf(visit) ?? formOf(visit))?.['token'];
  const known = typeof token === 'string' ? (ledger.token(token, 'refresh') ?? ledger.token(token, 'access')) : null;
  if (known?.grant.app !== app.id || known.state !== 'live')
    throw oauthError(400, 'invalid_request', 'Incorrect or invalid token');
  return { status: 200, headers: {}, body: '', changes: endGrants([known.grant], 'app', nowMs) };
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
    throw oauthError(400, 'invalid_grant', 'Invalid authorization code');
  const { grant, changes } = grantOf(found.code, visit.nowMs);
  const refreshToken = refreshTokenOf(grant, visit.nowMs);
  return tokenAnswer(visit, { grant, refreshToken }, [...changes, ...newestRefresh(grant, refreshToken)]);
}

/**
 * Each refresh changes the token. The previous one works for another 24 hours and returns the newest, so that a client
 * can recover from a lost answer.
 */
function refresh(visit: Visit, form: Readonly<Record<string, string>>, app: App): Reply {
  const { ledger, nowMs } = visit;
  const known = ledger.token(form['refresh_token'] ?? '', 'refresh');
  if (known?.grant.app !== app.id || known.state !== 'live' || known.grant.approvedAtMs + GRANT_LIFE_MS <= nowMs) {
    throw oauthError(400, 'invalid_grant', 'Incorrect or invalid refresh token');
  }
  const { token, grant } = known;
  const newest = grant.refreshToken === token.id ? null : ledger.token(grant.refreshToken ?? '', 'refresh');
  if (newest) return tokenAnswer(visit, { grant, refreshToken: newest.token }, []);
  const next = refreshTokenOf(grant, nowMs);
  return tokenAnswer(visit, { grant, refreshToken: next }, [
    put('tokens', { ...token, endsAtMs: nowMs + PREVIOUS_REFRESH_GRACE_MS }),
    ...newestRefresh(grant, next),
  ]);
}

function refreshTokenOf(grant: Grant, nowMs: number): Token {
  const lifeMs = Math.min(REFRESH_IDLE_LIFE_MS, grant.approvedAtMs + GRANT_LIFE_MS - nowMs);
  return tokenOf(grant, { id: randomId('AB11', 46), kind: 'refresh', nowMs, lifeMs });
}

/** Includes the hard limit only when a request header asks for it. */
function tokenAnswer(
  { nowMs, headers }: Visit,
  { grant, refreshToken }: { readonly grant: Grant; readonly refreshToken: Token },
  changes: readonly Change[],
): Reply {
  const accessToken = tokenOf(grant, {
    id: randomId('eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..', 120),
    kind: 'access',
    nowMs,
    lifeMs: ACCESS_LIFE_MS,
  });
  return json(
    {
      token_type: 'bearer',
      expires_in: secondsUntil(accessToken.expiresAtMs ?? nowMs, nowMs),
      refresh_token: refreshToken.id,
      x_refresh_token_expires_in: secondsUntil(refreshToken.expiresAtMs ?? nowMs, nowMs),
      access_token: accessToken.id,
      ...(headers['x-include-refresh-token-hard-expires-in'] === 'true' && {
        x_refresh_token_hard_expires_in: secondsUntil(grant.approvedAtMs + GRANT_LIFE_MS, nowMs),
      }),
    },
    { changes: [...changes, put('tokens', accessToken)], headers: { 'cache-control': 'no-cache, no-store' } },
  );
}
