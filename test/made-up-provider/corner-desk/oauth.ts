import { ClientSecretPost } from 'openid-client';
import { z } from 'zod';
import { pageUrl, parseAnswer } from '../../../providers/grants.ts';
import type { Grant, OAuthAdapter } from '../../../providers/oauth.ts';
import { requestToken } from '../../../providers/http/token-endpoint.ts';
import { Secret } from '../../../vault/secret.ts';
import { readAccount } from './account.ts';
import { createAsk } from './ask.ts';
import type { CornerDeskSettings } from './settings.ts';

const tokenSchema = z.object({ access_token: z.string().min(1) });

/** Consent of the owner of a desk that Corner Desk hosts. Its tokens last until the owner takes them back. None without an app. */
export function cornerDeskFlows(settings: CornerDeskSettings): readonly OAuthAdapter[] {
  const { hostedUrl, appId, appSecret } = settings;
  if (hostedUrl === null || appId === null || appSecret === null) return [];
  const credential = ({ accessToken }: Grant) => ({ secretKey: accessToken });
  return [
    {
      flow: 'code',
      environment: 'sandbox',
      previousTokenGraceMs: 0,
      authorizationUrl: ({ state, redirectUri }) =>
        Promise.resolve(
          pageUrl(`${hostedUrl}/oauth/authorize`, { client_id: appId, redirect_uri: redirectUri, state }),
        ),
      async exchange({ code, redirectUri }, calls) {
        const endpoint = {
          provider: 'corner-desk',
          url: `${hostedUrl}/oauth/token`,
          clientId: appId,
          clientAuth: ClientSecretPost(appSecret.expose()),
        } as const;
        const body = await requestToken(endpoint, calls, {
          grant_type: 'authorization_code',
          code: code.expose(),
          redirect_uri: redirectUri,
        });
        return {
          accessToken: new Secret(parseAnswer('corner-desk', tokenSchema, body).access_token),
          refreshToken: null,
          accessExpiresAt: null,
          refreshExpiresAt: null,
          hardExpiresAt: null,
          scopes: [],
          context: {},
        };
      },
      refresh: null,
      revoke: null,
      account: (grant, calls) => readAccount(createAsk(settings, { ...credential(grant), ...calls }, fetch)),
      accountIdOf: () => null,
      credential,
      refreshAt: () => null,
    },
  ];
}
