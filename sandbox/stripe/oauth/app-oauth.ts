import { randomId } from '../../core/ids.ts';
import type { ConsentRules } from '../../oauth/consent.ts';
import { formOf, json } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { grantOf, HOUR_MS, newestRefresh, redeemable, tokenOf, YEAR_MS } from '../../oauth/grants.ts';
import { put } from '../../oauth/ledger-rows.ts';
import type { App, Change, Grant } from '../../oauth/ledger-rows.ts';
import { oauthError } from './oauth-errors.ts';
import { platformApp, publishableKeyOf } from './oauth-platform.ts';

// https://docs.stripe.com/stripe-apps/api-authentication/oauth (2026-11)
const ACCESS_LIFE_MS = HOUR_MS;
const REFRESH_LIFE_MS = YEAR_MS;

/**
 * The page on which a Stripe App is installed, including by an external-test link. The app's manifest holds its
 * permissions, so the URL has no scopes.
 */
export const APP_CONSENT: ConsentRules = {
  provider: 'Stripe Apps',
  flow: 'app',
  path: /^\/oauth\/v2\/(?:chnlink_\w+\/)?authorize$/,
  codePrefix: 'ac_',
  codeLifeMs: 5 * 60_000,
  responseType: 'optional',
  redirectUri: 'optional',
  state: 'optional',
  scopesOf: () => ['stripe_apps'],
  challenge: null,
  approved: ({ code }) => ({ code }),
  denied: { error: 'access_denied' },
};

export const APP_ROUTES: readonly Route[] = [{ method: 'POST', path: /^\/v1\/oauth\/token$/, run: appToken }];

function appToken(visit: Visit): Reply {
  const app = platformApp(visit, 'app');
  const form = formOf(visit) ?? {};
  const grantType = form['grant_type'];
  if (grantType === 'authorization_code') return exchangeCode(visit, form['code'], app);
  if (grantType === 'refresh_token') return refresh(visit, form['refresh_token'], app);
  if (grantType === undefined) throw oauthError(400, 'invalid_request', 'No grant type specified');
  throw oauthError(400, 'unsupported_grant_type', `Unsupported grant type: ${grantType}`);
}

function exchangeCode({ ledger, nowMs }: Visit, id: string | undefined, app: App): Reply {
  const found = redeemable(ledger, id, app.id);
  if (found.code === null || 'problem' in found)
    throw oauthError(400, 'invalid_grant', 'The authorization code does not exist, has expired or was used before.');
  const { grant, changes } = grantOf(found.code, nowMs);
  return newTokens(grant, nowMs, changes);
}

/** Rolls the refresh token: the old one stops working at once. */
function refresh({ ledger, nowMs }: Visit, id: string | undefined, app: App): Reply {
  const known = ledger.token(id ?? '', 'refresh');
  if (known?.grant.app !== app.id || known.state !== 'live')
    throw oauthError(400, 'invalid_grant', 'Token has been expired or revoked.');
  return newTokens(known.grant, nowMs, [put('tokens', { ...known.token, endsAtMs: nowMs })]);
}

/** Omits `expires_in`: only the documentation states that the token lasts one hour. */
function newTokens(grant: Grant, nowMs: number, changes: readonly Change[]): Reply {
  const accessToken = tokenOf(grant, { id: randomId('sk_test_', 98), kind: 'access', nowMs, lifeMs: ACCESS_LIFE_MS });
  const refreshToken = tokenOf(grant, { id: randomId('rt_', 48), kind: 'refresh', nowMs, lifeMs: REFRESH_LIFE_MS });
  return json(
    {
      access_token: accessToken.id,
      livemode: false,
      refresh_token: refreshToken.id,
      scope: 'stripe_apps',
      stripe_publishable_key: publishableKeyOf(grant.account),
      stripe_user_id: grant.account,
      token_type: 'bearer',
    },
    { changes: [...changes, put('tokens', accessToken), ...newestRefresh(grant, refreshToken)] },
  );
}
