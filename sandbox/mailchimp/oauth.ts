import { randomId } from '../core/ids.ts';
import type { ConsentRules } from '../oauth/consent.ts';
import { authorizationOf, formOf, json, sameSecret } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import { grantOf, redeemable, tokenOf } from '../oauth/grants.ts';
import { put } from '../oauth/ledger-rows.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { oauthError } from './errors.ts';

// https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/ (2026-11)

/** Mailchimp's authorisation page: no scopes, no PKCE. */
export const MAILCHIMP_CONSENT: ConsentRules = {
  provider: 'Mailchimp',
  flow: 'mailchimp',
  path: /^\/oauth2\/authorize$/,
  codePrefix: '',
  codeLifeMs: 10 * 60_000,
  responseType: 'required',
  redirectUri: 'required',
  state: 'optional',
  scopesOf: () => [],
  challenge: null,
  approved: ({ code }) => ({ code }),
  denied: { error: 'access_denied' },
};

/**
 * `POST /oauth2/token`: a form that includes the client secret. The token never expires and comes without a refresh
 * token.
 */
export function accessToken(visit: Visit): Reply {
  const { ledger, nowMs } = visit;
  const form = formOf(visit) ?? {};
  const app = ledger.get('apps', form['client_id'] ?? '');
  if (!app || !sameSecret(form['client_secret'], app.secret))
    throw oauthError(400, 'invalid_client', 'The client credentials are invalid');
  if (form['grant_type'] !== 'authorization_code')
    throw oauthError(400, 'unsupported_grant_type', 'The grant type is not supported');
  const found = redeemable(ledger, form['code'], app.id);
  if (found.code === null || 'problem' in found)
    throw oauthError(400, 'invalid_grant', 'Authorization code is invalid or expired');
  if (found.code.redirectUri !== form['redirect_uri'])
    throw oauthError(400, 'redirect_uri_mismatch', 'The redirect URI does not match the one of the authorization');
  const { grant, changes } = grantOf(found.code, nowMs);
  const token = tokenOf(grant, { id: randomId('', 32).toLowerCase(), kind: 'access', nowMs, lifeMs: null });
  return json({ access_token: token.id, expires_in: 0, scope: null }, { changes: [...changes, put('tokens', token)] });
}

/** `GET /oauth2/metadata`: the data centre that the token belongs to. */
export function metadata(visit: Visit): Reply {
  const account = tokenAccount(visit);
  if (!account)
    throw oauthError(
      401,
      'invalid_token',
      'The access token provided is expired, revoked, malformed, or invalid for other reasons.',
    );
  const email = `owner@${account.id}.example.com`;
  return json({
    dc: account.details['dc'],
    role: 'owner',
    accountname: account.name,
    user_id: Number(account.details['userId']),
    login: {
      email,
      avatar: null,
      login_id: Number(account.details['userId']),
      login_name: account.name,
      login_email: email,
    },
    login_url: 'https://login.mailchimp.com',
    // Mailchimp names the data centre; the stand-in has one server for all.
    api_endpoint: `http://${visit.headers.host ?? ''}`,
  });
}

/** The account of a live OAuth token, under either scheme that Mailchimp accepts. */
export function tokenAccount(visit: Visit): Account | null {
  const { ledger } = visit;
  const given = authorizationOf(visit, 'bearer') ?? authorizationOf(visit, 'oauth');
  const known = given === null ? null : ledger.token(given, 'access');
  return known?.state === 'live' ? (ledger.get('accounts', known.grant.account) ?? null) : null;
}
