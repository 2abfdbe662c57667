import { LinkProblem } from '../oauth/consent.ts';
import type { ConsentRules } from '../oauth/consent.ts';

/**
 * Apps that were made since 2026-03-02 have granular scopes only
 * (https://developer.xero.com/faq/granular-scopes, 2026-11).
 */
const RESOURCES = [
  'contacts',
  'invoices',
  'payments',
  'banktransactions',
  'manualjournals',
  'settings',
  'attachments',
].map((name) => `accounting.${name}`);
const SCOPES = [
  ...['openid', 'profile', 'email', 'offline_access'],
  ...RESOURCES.flatMap((scope) => [scope, `${scope}.read`]),
  ...['profitandloss', 'balancesheet', 'trialbalance', 'aged'].map((report) => `accounting.reports.${report}.read`),
];

/** Xero’s page on which a user chooses an organisation: https://developer.xero.com/documentation/guides/oauth2/auth-flow (2026-11). */
export const XERO_CONSENT: ConsentRules = {
  provider: 'Xero',
  flow: 'xero',
  path: /^\/identity\/connect\/authorize$/,
  codePrefix: '',
  codeLifeMs: 5 * 60_000,
  responseType: 'required',
  redirectUri: 'required',
  state: 'optional',
  scopesOf(query) {
    const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    const unknown = scopes.find((scope) => !SCOPES.includes(scope));
    if (scopes.length === 0 || unknown !== undefined) throw new LinkProblem('invalid_scope');
    return scopes;
  },
  challenge: null,
  approved: ({ code, asked }) => ({ code, scope: asked.scopes.join(' ') }),
  denied: { error: 'access_denied' },
};
