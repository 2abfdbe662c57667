import { LinkProblem, s256Challenge } from '../oauth/consent.ts';
import type { ConsentRules } from '../oauth/consent.ts';

/**
 * The default scopes of an authorisation URL without scopes:
 * https://developer.squareup.com/docs/oauth-api/create-urls-for-square-authorization (2026-11).
 */
const USUAL_SCOPES = ['MERCHANT_PROFILE_READ', 'PAYMENTS_READ', 'SETTLEMENTS_READ', 'BANK_ACCOUNTS_READ'];

/** Square's authorisation page. One application serves both the code flow and PKCE; a challenge selects PKCE. */
export const SQUARE_CONSENT: ConsentRules = {
  provider: 'Square',
  flow: 'square',
  path: /^\/oauth2\/authorize$/,
  codePrefix: 'sq0cgb-',
  // https://developer.squareup.com/docs/oauth-api/overview (2026-11)
  codeLifeMs: 5 * 60_000,
  responseType: 'optional',
  redirectUri: 'optional',
  state: 'optional',
  scopesOf(query) {
    const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    const wrong = scopes.find((scope) => !/^[A-Z]+(_[A-Z0-9]+)*$/.test(scope));
    if (wrong !== undefined) throw new LinkProblem(`There is no permission ${wrong}.`);
    return scopes.length === 0 ? USUAL_SCOPES : scopes;
  },
  challenge: s256Challenge,
  approved: ({ code }) => ({ code, response_type: 'code' }),
  denied: { error: 'access_denied', error_description: 'user_denied' },
};
