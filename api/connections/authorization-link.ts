import type { RequestHandler } from 'express';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Providers } from '../../providers/providers.ts';
import { ApiError } from '../errors/api-error.ts';
import type { RateLimits } from '../auth/rate-limits.ts';
import { attemptOf } from './authorization-states.ts';
import type { AuthorizationStates } from './authorization-states.ts';
import type { BrowserBinding } from './browser-binding.ts';
import { requireVisit } from './visit.ts';

export const AUTHORIZE_PATH = '/oauth/{provider}/authorize';

/** Our own parameter of the link, beside those of the provider's URL. */
const PAGE = 'interlock_page';
const TICKET = 'interlock_ticket';
const MAX_QUERY_LENGTH = 8_000;

export interface AuthorizationLinks {
  /**
   * Our own URL, which redirects to the provider's and has its parameters, because callers may read `state`, `scope` or
   * `redirect_uri` from it.
   */
  linkTo(provider: ProviderId, authorizationUrl: string): string;
  /**
   * The provider's URL and the attempt's state. Throws ApiError `authorization-not-found` for a link that we have not
   * made.
   */
  read(provider: ProviderId, target: string): { readonly authorizationUrl: string; readonly state: string };
}

/** Links are signed instead of stored, so they lead only where we have made them lead. */
export function createAuthorizationLinks(
  states: Pick<AuthorizationStates, 'ticketFor' | 'isTicketFor'>,
  publicUrl: string,
): AuthorizationLinks {
  const signed = (provider: ProviderId, parameters: URLSearchParams): string => `${provider}?${parameters.toString()}`;
  return {
    linkTo(provider, authorizationUrl) {
      const { origin, pathname, searchParams } = new URL(authorizationUrl);
      searchParams.set(PAGE, `${origin}${pathname}`);
      const ticket = states.ticketFor(signed(provider, searchParams));
      searchParams.set(TICKET, ticket);
      return `${publicUrl}${AUTHORIZE_PATH.replace('{provider}', provider)}?${searchParams.toString()}`;
    },
    read(provider, target) {
      const start = target.indexOf('?');
      const query = start === -1 ? '' : target.slice(start + 1);
      const parameters = new URLSearchParams(query.length > MAX_QUERY_LENGTH ? '' : query);
      const [ticket, page, state] = [parameters.get(TICKET), parameters.get(PAGE), parameters.get('state')];
      parameters.delete(TICKET);
      if (ticket === null || page === null || state === null) throw notOurs();
      if (!states.isTicketFor(signed(provider, parameters), ticket)) throw notOurs();
      parameters.delete(PAGE);
      return { authorizationUrl: `${page}?${parameters.toString()}`, state };
    },
  };
}

const notOurs = (): ApiError =>
  new ApiError('authorization-not-found', 'The link is cut short or was changed on its way.');

export interface AuthorizationLinkDeps {
  readonly providers: Pick<Providers, 'definition'>;
  readonly links: AuthorizationLinks;
  readonly binding: BrowserBinding;
  readonly limits: RateLimits;
}

/**
 * The first step of a consent: binds the account owner's browser and redirects it to the provider. Makes no lookup, so
 * it is cheap.
 */
export function authorizationLinkHandler({ providers, links, binding, limits }: AuthorizationLinkDeps): RequestHandler {
  return async (req, res) => {
    const { authorizationUrl, attempt } = await admit();
    await limits.countReturn({ req, res }, `link:${attempt}`);
    binding.bind(res, attempt);
    res
      .status(303)
      .set({ Location: authorizationUrl, 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store' })
      .end();

    async function admit() {
      try {
        requireVisit(req);
        const provider = providers.definition(String(req.params['provider']))?.id;
        if (!provider) throw new ApiError('provider-not-found', 'No such provider.');
        const link = links.read(provider, req.url);
        return { authorizationUrl: link.authorizationUrl, attempt: attemptOf(link.state) };
      } catch (error) {
        await limits.countVisitor({ req, res }, 'stranger');
        throw error;
      }
    }
  };
}
