import type { ConnectionActionsStore } from '../../../db/connections/connection-actions-store.ts';
import type { OAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import { forecast } from '../../../domain/grants/grant-forecast.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { presentReauthorizations, reauthorizationsAnswer } from '../../schemas/reauthorization.ts';

export interface ReauthorizationRouteDeps {
  readonly connectionActions: ConnectionActionsStore;
  readonly oauthTokens: Pick<OAuthTokenStore, 'listForForecast'>;
  readonly clock: () => Date;
}

export function reauthorizationRoute({ connectionActions, oauthTokens, clock }: ReauthorizationRouteDeps): Endpoint {
  return endpoint({
    name: 'listReauthorizations',
    summary: 'Which connections will need their owner again, and when',
    description: 'Every access that ends by itself one day, and every one that has ended, by date.',
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/reauthorizations',
    role: 'viewer',
    answers: { 200: { description: 'The forecast.', schema: reauthorizationsAnswer } },
    async handle({ ids: { venueId } }) {
      const [waiting, grants] = await Promise.all([
        connectionActions.listNeedingReauth(venueId),
        oauthTokens.listForForecast(venueId),
      ]);
      return { status: 200, body: presentReauthorizations(waiting, forecast(grants, clock())) };
    },
  });
}
