import { randomId } from '../core/ids.ts';
import { startOAuthSandbox } from '../oauth/oauth-sandbox.ts';
import type { OAuthSandbox, OAuthSandboxOptions, ProviderRules } from '../oauth/oauth-sandbox.ts';
import { SQUARE_CONSENT } from './consent.ts';
import { ofStatus } from './errors.ts';
import { listLocations, locationControls } from './locations.ts';
import { listMerchants, retrieveMerchant, tokenStatus } from './merchants.ts';
import { openSquareRecords } from './square-records.ts';
import { obtainToken, revokeToken } from './tokens.ts';
import { emitRoute, revocationWriter, signatureKeyOf } from './webhooks.ts';

const SQUARE: ProviderRules = {
  name: 'square',
  consent: SQUARE_CONSENT,
  routes: [
    { method: 'POST', path: /^\/oauth2\/token$/, run: obtainToken },
    { method: 'POST', path: /^\/oauth2\/token\/status$/, run: tokenStatus },
    { method: 'POST', path: /^\/oauth2\/revoke$/, run: revokeToken },
    { method: 'GET', path: /^\/v2\/merchants$/, run: listMerchants },
    { method: 'GET', path: /^\/v2\/merchants\/([^/]+)$/, run: retrieveMerchant },
    { method: 'GET', path: /^\/v2\/locations$/, run: listLocations },
  ],
  refuse: ofStatus,
  newApp: () => ({ id: randomId('sandbox-sq0idb-', 22), secret: randomId('sandbox-sq0csb-', 43) }),
  newAccount: (name) => ({
    id: `ML${randomId('', 11).toUpperCase()}`,
    name,
    details: {
      personalToken: randomId('EAAAE', 59),
      mainLocationId: `L${randomId('', 12).toUpperCase()}`,
      createdAt: new Date().toISOString(),
    },
  }),
  controls: locationControls,
  accountNames: ['Corner Café', 'Harbour Bakery'],
  records: openSquareRecords,
  webhooks: { secretOf: signatureKeyOf, writer: revocationWriter, control: emitRoute },
};

export interface SquareSandbox extends OAuthSandbox {
  readonly webhookSecret: string;
}

/**
 * Starts a stand-in Square: authorisation page, tokens in the code flow and PKCE, the merchant that a token belongs to, and
 * what that merchant has.
 */
export async function startSquareSandbox(options: OAuthSandboxOptions = {}): Promise<SquareSandbox> {
  const { webhookSecret = '', ...sandbox } = await startOAuthSandbox(SQUARE, options);
  return { ...sandbox, webhookSecret };
}
