import { randomBytes, randomInt } from 'node:crypto';
import { startOAuthSandbox } from '../oauth/oauth-sandbox.ts';
import type { OAuthSandbox, OAuthSandboxOptions, ProviderRules } from '../oauth/oauth-sandbox.ts';
import { apiRoot, ping } from './account.ts';
import { ofStatus } from './errors.ts';
import { openMailchimpRecords } from './mailchimp-records.ts';
import { accessToken, MAILCHIMP_CONSENT, metadata } from './oauth.ts';

const MAILCHIMP: ProviderRules = {
  name: 'mailchimp',
  consent: MAILCHIMP_CONSENT,
  routes: [
    { method: 'POST', path: /^\/oauth2\/token$/, run: accessToken },
    { method: 'GET', path: /^\/oauth2\/metadata$/, run: metadata },
    { method: 'GET', path: /^\/3\.0\/?$/, run: apiRoot },
    { method: 'GET', path: /^\/3\.0\/ping$/, run: ping },
  ],
  refuse: ofStatus,
  newApp: () => ({ id: String(randomInt(1e11, 1e12)), secret: randomBytes(25).toString('hex') }),
  newAccount: (name) => {
    const dc = `us${randomInt(1, 22)}`;
    const details = {
      dc,
      apiKey: `${randomBytes(16).toString('hex')}-${dc}`,
      viewerKey: `${randomBytes(16).toString('hex')}-${dc}`,
      userId: String(randomInt(1e7, 1e8)),
      createdAt: new Date().toISOString(),
    };
    return { id: randomBytes(13).toString('hex').slice(0, 25), name, details };
  },
  accountNames: ['Corner Café News', 'Harbour Bakery News'],
  records: openMailchimpRecords,
};

/**
 * Starts a stand-in Mailchimp: authorisation page, tokens that never expire, metadata, the account behind a token or an
 * API key, and what that account has.
 */
export function startMailchimpSandbox(options: OAuthSandboxOptions = {}): Promise<OAuthSandbox> {
  return startOAuthSandbox(MAILCHIMP, options);
}
