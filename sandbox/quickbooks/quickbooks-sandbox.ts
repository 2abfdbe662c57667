import { randomInt } from 'node:crypto';
import { randomId } from '../core/ids.ts';
import { startOAuthSandbox } from '../oauth/oauth-sandbox.ts';
import type { OAuthSandbox, OAuthSandboxOptions, ProviderRules } from '../oauth/oauth-sandbox.ts';
import { companyInfo } from './company.ts';
import { QUICKBOOKS_CONSENT } from './consent.ts';
import { faultInside200, ofStatus } from './errors.ts';
import { openQuickBooksRecords } from './quickbooks-records.ts';
import { bearerTokens, revokeTokens } from './tokens.ts';
import { verifierTokenOf } from './webhooks.ts';

/** Intuit serves each of these paths from its own host; here they share one. */
const PATHS = {
  authorize: '/connect/oauth2',
  token: '/oauth2/v1/tokens/bearer',
  revoke: '/v2/oauth2/tokens/revoke',
} as const;

const QUICKBOOKS: ProviderRules = {
  name: 'quickbooks',
  consent: QUICKBOOKS_CONSENT,
  routes: [
    { method: 'POST', path: new RegExp(`^${PATHS.token}$`), run: bearerTokens },
    { method: 'POST', path: new RegExp(`^${PATHS.revoke}$`), run: revokeTokens },
    { method: 'GET', path: /^\/v3\/company\/(\d+)\/companyinfo\/\1$/, run: companyInfo },
  ],
  refuse: ofStatus,
  insideSuccess: faultInside200,
  headers: (requestId) => ({ intuit_tid: `1-${requestId}` }),
  newApp: () => ({ id: randomId('AB', 48), secret: randomId('', 40) }),
  newAccount: (name) => ({
    id: `93414${randomInt(1e10, 1e11)}`,
    name,
    details: { createdAt: new Date().toISOString(), homeCurrency: 'GBP' },
  }),
  accountNames: ['Corner Café Ltd', 'Corner Café Catering Ltd'],
  records: openQuickBooksRecords,
};

export interface QuickBooksSandbox extends OAuthSandbox {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
  /** The verifier token. */
  readonly webhookSecret: string;
}

/**
 * Starts a stand-in QuickBooks: authorisation page, rotating refresh tokens, the company that a token belongs to, and what
 * that company has.
 */
export async function startQuickBooksSandbox(options: OAuthSandboxOptions = {}): Promise<QuickBooksSandbox> {
  const sandbox = await startOAuthSandbox(QUICKBOOKS, options);
  const at = (path: string) => sandbox.apiUrl + path;
  return {
    ...sandbox,
    ...{ authorizeUrl: at(PATHS.authorize), tokenUrl: at(PATHS.token), revokeUrl: at(PATHS.revoke) },
    webhookSecret: verifierTokenOf({ secret: sandbox.clientSecret }),
  };
}
