import { randomId } from '../../core/ids.ts';
import { LinkProblem } from '../../oauth/consent.ts';
import type { ConsentRules } from '../../oauth/consent.ts';
import { formOf, json } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { endGrants, grantOf, newestRefresh, redeemable, tokenOf } from '../../oauth/grants.ts';
import { put } from '../../oauth/ledger-rows.ts';
import type { App, Change, Grant, Token } from '../../oauth/ledger-rows.ts';
import { oauthError } from './oauth-errors.ts';
import { platformApp, publishableKeyOf } from './oauth-platform.ts';

// https://docs.stripe.com/connect/oauth-reference (2026-11)
const SCOPES = ['read_write', 'read_only'];

/** The page on which a Stripe account is connected to the platform. */
export const CONNECT_CONSENT: ConsentRules = {
  provider: 'Stripe Connect',
  flow: 'connect',
  path: /^\/oauth\/authorize$/,
  codePrefix: 'ac_',
  codeLifeMs: 5 * 60_000,
  responseType: 'required',
  redirectUri: 'optional',
  state: 'optional',
  scopesOf(query) {
    const scope = query.get('scope') ?? 'read_only';
    if (!SCOPES.includes(scope)) throw new LinkProblem(`There is no scope ${scope}.`);
    return [scope];
  },
  challenge: null,
  approved: ({ code, asked }) => ({ scope: asked.scopes.join(' '), code }),
  denied: { error: 'access_denied', error_description: 'The user denied your request' },
};

export const CONNECT_ROUTES: readonly Route[] = [
  { method: 'POST', path: /^\/oauth\/token$/, run: connectToken },
  { method: 'POST', path: /^\/oauth\/deauthorize$/, run: deauthorize },
];

function connectToken(visit: Visit): Reply {
  const app = platformApp(visit, 'connect');
  const form = formOf(visit) ?? {};
  const grantType = form['grant_type'];
  if (grantType === 'authorization_code') return exchangeCode(visit, form, app);
  if (grantType === 'refresh_token') return refresh(visit, form, app);
  if (grantType === undefined) throw oauthError(400, 'invalid_request', 'No grant type specified');
  throw oauthError(400, 'unsupported_grant_type', `Unsupported grant type: ${grantType}`);
}

/** A code used twice revokes everything that it granted. */
function exchangeCode({ ledger, nowMs }: Visit, form: Readonly<Record<string, string>>, app: App): Reply {
  const id = form['code'] ?? '';
  const found = redeemable(ledger, id, app.id);
  if (found.code === null) throw oauthError(400, 'invalid_grant', `Authorization code does not exist: ${id}`);
  if ('problem' in found) {
    if (found.problem === 'expired') throw oauthError(400, 'invalid_grant', `Authorization code expired: ${id}`);
    const issued = ledger.get('grants', found.code.grant ?? '');
    const refusal = oauthError(
      400,
      'invalid_grant',
      'This authorization code has already been used. All tokens issued with this code have been revoked.',
    );
    return { ...refusal.reply, changes: endGrants(issued ? [issued] : [], 'code-replay', nowMs) };
  }
  const { grant, changes } = grantOf(found.code, nowMs);
  const refreshToken = tokenOf(grant, { id: randomId('rt_', 48), kind: 'refresh', nowMs, lifeMs: null });
  const accessToken = accessTokenOf(grant, grant.scopes, nowMs);
  return tokenAnswer(grant, { accessToken, refreshToken }, [
    ...changes,
    put('tokens', accessToken),
    ...newestRefresh(grant, refreshToken),
  ]);
}

/**
 * Neither token expires, and the refresh token stays the same. A refresh can only obtain a token with a narrower scope.
 */
function refresh({ ledger, nowMs }: Visit, form: Readonly<Record<string, string>>, app: App): Reply {
  const known = ledger.token(form['refresh_token'] ?? '', 'refresh');
  if (known?.grant.app !== app.id || known.state !== 'live')
    throw oauthError(400, 'invalid_grant', 'Refresh token does not exist or was revoked');
  const { grant, token } = known;
  const scope = form['scope'] ?? grant.scopes[0] ?? '';
  if (!SCOPES.includes(scope) || (scope === 'read_write' && !grant.scopes.includes(scope)))
    throw oauthError(400, 'invalid_scope', `Invalid scope: ${scope}`);
  const accessToken = accessTokenOf(grant, [scope], nowMs);
  return tokenAnswer(grant, { accessToken, refreshToken: token }, [put('tokens', accessToken)]);
}

function accessTokenOf(grant: Grant, scopes: readonly string[], nowMs: number): Token {
  return tokenOf(grant, { id: randomId('sk_test_', 24), kind: 'access', nowMs, lifeMs: null, scopes });
}

function tokenAnswer(
  { account }: Grant,
  { accessToken, refreshToken }: { readonly accessToken: Token; readonly refreshToken: Token },
  changes: readonly Change[],
): Reply {
  return json(
    {
      access_token: accessToken.id,
      livemode: false,
      refresh_token: refreshToken.id,
      token_type: 'bearer',
      stripe_publishable_key: publishableKeyOf(account),
      stripe_user_id: account,
      scope: accessToken.scopes.join(' '),
    },
    { changes },
  );
}

function deauthorize(visit: Visit): Reply {
  const { ledger, nowMs } = visit;
  const app = platformApp(visit, 'connect');
  const { client_id: clientId, stripe_user_id: account = '' } = formOf(visit) ?? {};
  if (clientId !== app.id)
    throw oauthError(401, 'invalid_client', `No application matches the supplied client identifier: ${clientId ?? ''}`);
  const grants = ledger.liveGrants(account).filter((grant) => grant.app === app.id);
  if (grants.length === 0)
    throw oauthError(
      401,
      'invalid_client',
      `This application is not connected to stripe account ${account}, or that account does not exist.`,
    );
  return json({ stripe_user_id: account }, { changes: endGrants(grants, 'app', nowMs) });
}
