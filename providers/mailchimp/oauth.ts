import { ClientSecretPost } from 'openid-client';
import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import { contextOf, pageUrl, parseAnswer } from '../grants.ts';
import type { Grant, OAuthAdapter, OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { requestToken } from '../http/token-endpoint.ts';
import { createTransport } from '../http/transport.ts';
import { apiBaseOf, readMailchimpAccount } from './account.ts';
import type { MailchimpConfig } from './account.ts';

interface App {
  readonly id: string;
  readonly secret: Secret;
}

/** Empty without a configured app. */
export const mailchimpFlows = (config: MailchimpConfig): readonly OAuthAdapter[] =>
  config.app ? [codeFlow(config, config.app)] : [];

/**
 * There are no scopes, no PKCE and no refresh token. A token lasts until the account's owner removes the app, which no
 * call can do (https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/, read 2026-11-21).
 */
function codeFlow(config: MailchimpConfig, app: App): OAuthAdapter {
  const credential = (grant: Grant) => ({
    secretKey: grant.accessToken,
    onBehalfOf: contextOf('mailchimp', grant, 'dc'),
  });
  return {
    flow: 'code',
    environment: 'production',
    previousTokenGraceMs: 0,
    authorizationUrl: ({ state, redirectUri }) =>
      Promise.resolve(
        pageUrl(`${config.loginUrl}/oauth2/authorize`, {
          response_type: 'code',
          client_id: app.id,
          redirect_uri: redirectUri,
          state,
        }),
      ),
    async exchange({ code, redirectUri }, calls) {
      const endpoint = {
        provider: 'mailchimp',
        url: `${config.loginUrl}/oauth2/token`,
        clientId: app.id,
        clientAuth: ClientSecretPost(app.secret.expose()),
      } as const;
      const body = await requestToken(endpoint, calls, {
        grant_type: 'authorization_code',
        code: code.expose(),
        redirect_uri: redirectUri,
      });
      const accessToken = new Secret(
        parseAnswer('mailchimp', z.object({ access_token: z.string().min(1) }), body).access_token,
      );
      // `account` asks for the data centre later. The code is spent by now, and a second call that fails here would
      // lose the token.
      return {
        accessToken,
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
    async account(grant, calls) {
      const context =
        grant.context['dc'] === undefined ? await whereItIs(config, grant.accessToken, calls) : grant.context;
      return { ...(await readMailchimpAccount(config, { ...credential({ ...grant, context }), ...calls })), context };
    },
    accountIdOf: () => null,
    credential,
    refreshAt: () => null,
  };
}

const metadataSchema = z.object({ dc: z.string(), api_endpoint: z.url() });

/**
 * The account's data centre. The answer names the API's address, to which the token is about to be sent: it has to
 * match the data centre, or the configured stand-in.
 */
async function whereItIs(config: MailchimpConfig, token: Secret, calls: OAuthCalls): Promise<Grant['context']> {
  const { status, body, refusesToken, requestId } = await createTransport({ provider: 'mailchimp', calls })(
    `${config.loginUrl}/oauth2/metadata`,
    { headers: { authorization: `OAuth ${token.expose()}`, accept: 'application/json' } },
  );
  if (status >= 400)
    throw new ProviderError({
      provider: 'mailchimp',
      kind: refusesToken ? 'needs-reauth' : 'unexpected-response',
      httpStatus: status,
      requestId,
    });
  const { dc, api_endpoint } = parseAnswer('mailchimp', metadataSchema, body);
  if (new URL(apiBaseOf(config, dc)).origin !== new URL(api_endpoint).origin)
    throw new ProviderError({
      provider: 'mailchimp',
      kind: 'unexpected-response',
      httpStatus: status,
      code: 'foreign-api-endpoint',
      requestId,
    });
  return { dc };
}
