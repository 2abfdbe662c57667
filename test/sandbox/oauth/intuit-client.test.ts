import OAuthClient from 'intuit-oauth';
import { expect, it } from 'vitest';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { aProvider, CALLBACK } from './oauth-support.ts';

const tokenIn = ({ json }: { readonly json?: unknown }) =>
  json as Readonly<Record<string, unknown>> & { readonly refresh_token: string };

// In its own file because intuit-oauth keeps its endpoints in process-wide statics.

it('lets Intuit’s own client connect, refresh, read the hard limit and revoke', async () => {
  const { authorizeUrl, tokenUrl, revokeUrl, clientId, clientSecret, control } =
    await aProvider(startQuickBooksSandbox);
  const oauth = new OAuthClient({
    clientId,
    clientSecret,
    environment: 'sandbox',
    redirectUri: CALLBACK,
    includeRefreshTokenHardExpiresIn: true,
  });
  oauth.setAuthorizeURLs({
    authorizeEndpoint: authorizeUrl,
    tokenEndpoint: tokenUrl,
    revokeEndpoint: revokeUrl,
    userInfoEndpoint: `${tokenUrl}/userinfo`,
  });

  const page = oauth.authorizeUri({ scope: [OAuthClient.scopes.Accounting], state: 's' });
  const { redirectUrl, account } = await control.approve(page);
  const first = tokenIn(await oauth.createToken(redirectUrl));
  expect(first).toMatchObject({ token_type: 'bearer', expires_in: 3_600, x_refresh_token_expires_in: 8_726_400 });
  expect(oauth.getToken()).toMatchObject({ realmId: account });
  expect(oauth.isAccessTokenValid()).toBe(true);

  const second = tokenIn(await oauth.refresh());
  expect(second.refresh_token).not.toBe(first.refresh_token);
  expect(oauth.getToken().x_refresh_token_hard_expires_in).toBeGreaterThan(157_000_000);

  await oauth.revoke({ refresh_token: second.refresh_token });
  await expect(oauth.refreshUsingToken(second.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
}, 30_000);
