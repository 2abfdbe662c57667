import { randomBytes, randomUUID } from 'node:crypto';
import { startOAuthSandbox } from '../oauth/oauth-sandbox.ts';
import type { OAuthSandbox, OAuthSandboxOptions, ProviderRules } from '../oauth/oauth-sandbox.ts';
import { deleteConnection, listConnections } from './connections.ts';
import { XERO_CONSENT } from './consent.ts';
import { ofStatus } from './errors.ts';
import { issueTokens, revokeTokens } from './tokens.ts';
import { webhookKeyOf } from './webhooks.ts';
import { openXeroRecords } from './xero-records.ts';

/** Xero serves each of these paths from its own host; here they share one. */
const PATHS = { authorize: '/identity/connect/authorize', token: '/connect/token' } as const;

const XERO: ProviderRules = {
  name: 'xero',
  consent: XERO_CONSENT,
  routes: [
    { method: 'POST', path: new RegExp(`^${PATHS.token}$`), run: issueTokens },
    { method: 'POST', path: /^\/connect\/revocation$/, run: revokeTokens },
    { method: 'GET', path: /^\/connections$/, run: listConnections },
    { method: 'DELETE', path: /^\/connections\/([\w-]+)$/, run: deleteConnection },
  ],
  refuse: ofStatus,
  headers: () => ({ 'xero-correlation-id': randomUUID() }),
  newApp: () => ({ id: randomBytes(16).toString('hex').toUpperCase(), secret: randomBytes(36).toString('base64url') }),
  newAccount: (name) => ({
    id: randomUUID(),
    name,
    details: { connectionId: randomUUID(), baseCurrency: 'GBP' },
  }),
  accountNames: ['Corner Café Ltd', 'Corner Café Catering Ltd'],
  records: openXeroRecords,
};

export interface XeroSandbox extends OAuthSandbox {
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  /** The key of webhooks. */
  readonly webhookSecret: string;
}

/**
 * Starts a stand-in Xero: the page on which a user chooses an organisation, rotating refresh tokens, the list of connected
 * organisations, and what those have.
 */
export async function startXeroSandbox(options: OAuthSandboxOptions = {}): Promise<XeroSandbox> {
  const sandbox = await startOAuthSandbox(XERO, options);
  return {
    ...sandbox,
    ...{ authorizeUrl: sandbox.apiUrl + PATHS.authorize, tokenUrl: sandbox.apiUrl + PATHS.token },
    webhookSecret: webhookKeyOf({ secret: sandbox.clientSecret }),
  };
}
