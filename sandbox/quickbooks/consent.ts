import { LinkProblem } from '../oauth/consent.ts';
import type { ConsentRules } from '../oauth/consent.ts';

export const ACCOUNTING = 'com.intuit.quickbooks.accounting';
const SCOPES = [ACCOUNTING, 'com.intuit.quickbooks.payment', 'openid', 'profile', 'email', 'phone', 'address'];

/**
 * Intuit's page for choosing a company:
 * https://developer.intuit.com/app/developer/qbo/docs/develop/authentication-and-authorization/oauth-2.0 (2026-11).
 */
export const QUICKBOOKS_CONSENT: ConsentRules = {
  provider: 'QuickBooks',
  flow: 'quickbooks',
  path: /^\/connect\/oauth2$/,
  codePrefix: 'AB1',
  codeLifeMs: 10 * 60_000,
  responseType: 'required',
  redirectUri: 'required',
  state: 'required',
  scopesOf(query) {
    const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    if (scopes.length === 0 || scopes.some((scope) => !SCOPES.includes(scope)))
      throw new LinkProblem('The scope query parameter is missing or contains an unknown scope.');
    return scopes;
  },
  challenge: null,
  approved: ({ code, account }) => ({ code, realmId: account.id }),
  denied: { error: 'access_denied' },
};
