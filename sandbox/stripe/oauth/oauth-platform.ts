import { authorizationOf, basicOf, formOf, sameSecret } from '../../oauth/exchange.ts';
import type { Visit } from '../../oauth/exchange.ts';
import type { App } from '../../oauth/ledger-rows.ts';
import { derivedId } from '../../core/ids.ts';
import { oauthError } from './oauth-errors.ts';

/**
 * The platform's app of a flow. The request must carry the platform's secret key as a bearer, in Basic, or in the form.
 * Throws a 401 `Refusal`.
 */
export function platformApp(visit: Visit, flow: 'connect' | 'app'): App {
  const key = authorizationOf(visit, 'bearer') ?? basicOf(visit)?.user ?? formOf(visit)?.['client_secret'];
  const app = visit.ledger.all('apps').find((each) => each.flow === flow);
  if (!app || key === undefined) throw oauthError(401, 'invalid_client', 'No API key provided.');
  if (!sameSecret(key, app.secret))
    throw oauthError(401, 'invalid_client', `Invalid API Key provided: ${key.slice(0, 8)}****${key.slice(-4)}`);
  return app;
}

/** Returned with every token of the account. */
export function publishableKeyOf(account: string): string {
  return derivedId('pk_test_', 24, `publishable ${account}`);
}
