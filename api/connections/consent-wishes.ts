import type { OAuthFlow, ProviderId } from '../../contracts/providers.ts';
import type { ReturnUrls } from '../../domain/grants/return-url.ts';
import { scopesOf } from '../../providers/kit/define-provider.ts';
import type { Providers } from '../../providers/providers.ts';
import type { FieldError } from '../errors/api-error.ts';
import type { Sent } from '../http/parse.ts';
import { oauthFlow } from '../schemas/words.ts';
import { returnUrl as returnUrlSchema, scope as scopeSchema } from '../schemas/connection.ts';

export interface WishDeps {
  readonly providers: Pick<Providers, 'ids' | 'definition' | 'integration' | 'oauth'>;
  readonly returnUrls: ReturnUrls;
}

interface Consent {
  readonly provider: ProviderId;
  readonly flow: OAuthFlow;
}

/** What is wrong with the wishes for a new connection, whose body says at which provider and how its owner is asked. */
export const wrongNewConnection = (deps: WishDeps, sent: Sent): readonly FieldError[] =>
  sent['credentials'] === undefined ? wrongWishes(deps, consentIn(deps, sent), sent) : [];

/** What is wrong with the wishes for a consent. A consent that is not known, or not set up here, has no scopes to compare. */
export function wrongWishes(
  { providers, returnUrls }: WishDeps,
  consent: Consent | null,
  { scopes, returnUrl }: Sent,
): readonly FieldError[] {
  const known = consent && knownScopes(providers, consent);
  return [
    ...wrongReturnUrl(returnUrls, returnUrl),
    ...(known === null || !Array.isArray(scopes) ? [] : wrongScopes(known, scopes)),
  ];
}

function consentIn({ providers }: WishDeps, { provider: name, flow }: Sent): Consent | null {
  const provider = providers.ids.find((id) => id === name);
  if (provider === undefined) return null;
  const wanted = flow === undefined ? providers.integration(provider).flows[0] : oauthFlow.safeParse(flow).data;
  return wanted === undefined ? null : { provider, flow: wanted };
}

function knownScopes(providers: WishDeps['providers'], { provider, flow }: Consent): readonly string[] | null {
  const definition = providers.definition(provider);
  return definition === null || providers.oauth(provider, flow) === null ? null : scopesOf(definition, flow);
}

const wrongScopes = (known: readonly string[], scopes: readonly unknown[]): readonly FieldError[] =>
  scopes.flatMap((scope, index) => {
    const { data } = scopeSchema.safeParse(scope);
    return data === undefined || known.includes(data)
      ? []
      : [
          {
            path: `scopes.${index}`,
            message: `Not a scope of this flow, which has ${known.join(', ') || 'none'}`,
          },
        ];
  });

function wrongReturnUrl(returnUrls: ReturnUrls, sent: unknown): readonly FieldError[] {
  const { data } = returnUrlSchema.safeParse(sent);
  const checked = data === undefined ? null : returnUrls.check(data);
  return checked?.ok === false ? [{ path: 'returnUrl', message: checked.reason }] : [];
}
