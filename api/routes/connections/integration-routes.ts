import type { ProviderId } from '../../../contracts/providers.ts';
import type { BudgetStatusStore } from '../../../db/budgets/budget-status-store.ts';
import type { CircuitStore } from '../../../db/budgets/circuit-store.ts';
import { reconciles } from '../../../providers/reconciles.ts';
import type { Providers } from '../../../providers/providers.ts';
import { appWindowsOf } from '../../health/app-windows.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import {
  integrationAnswer,
  integrationsAnswer,
  integrationStatusAnswer,
  presentBudget,
  presentCircuit,
  presentIntegration,
} from '../../schemas/integration.ts';
import type { FullRates } from '../../schemas/integration.ts';

export interface IntegrationRouteDeps {
  readonly providers: Providers;
  readonly budgets: BudgetStatusStore;
  readonly circuits: Pick<CircuitStore, 'list'>;
}

const COLLECTION = '/v1/integrations';
const ITEM = '/v1/integrations/{provider}';

export function integrationRoutes(deps: IntegrationRouteDeps): Endpoint[] {
  const routes = [listRoute(deps), getRoute(deps), statusRoute(deps)];
  return routes.map((route) => ({ ...route, pathWords: { provider: deps.providers.ids } }));
}

function listRoute({ providers }: IntegrationRouteDeps): Endpoint {
  return endpoint({
    name: 'listIntegrations',
    summary: 'What each provider can do, and whether it can be connected here',
    tag: 'Integrations',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    answers: { 200: { description: 'Every provider.', schema: integrationsAnswer } },
    handle: () =>
      Promise.resolve({ status: 200, body: { data: providers.ids.map((provider) => describe(providers, provider)) } }),
  });
}

function getRoute({ providers }: IntegrationRouteDeps): Endpoint {
  return endpoint({
    name: 'getIntegration',
    summary: 'What a provider can do: resources, directions, ways to connect, limits',
    tag: 'Integrations',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The provider.', schema: integrationAnswer } },
    handle: ({ ids: { provider } }) => Promise.resolve({ status: 200, body: describe(providers, provider) }),
  });
}

function statusRoute({ providers, budgets, circuits }: IntegrationRouteDeps): Endpoint {
  return endpoint({
    name: 'getIntegrationStatus',
    summary:
      'How a provider’s rate budgets and circuits stand, of the accounts that the caller’s venues have connected',
    tag: 'Integrations',
    method: 'get',
    path: `${ITEM}/status`,
    role: 'viewer',
    answers: { 200: { description: 'The budgets and circuits.', schema: integrationStatusAnswer } },
    async handle({ ids: { provider }, caller }) {
      const capabilities = providers.find(provider)?.capabilities;
      if (!capabilities) return { status: 200, body: { provider, budgets: [], appWindows: [], circuits: [] } };
      const rates = ratesOf(providers, provider);
      const found = await budgets.read(provider, caller.venues, rates);
      const broken = await circuits.list(provider, caller.venues);
      return {
        status: 200,
        body: {
          provider,
          budgets: found.map((budget) => presentBudget(budget, capabilities, rates)),
          appWindows: caller.venues === '*' ? await appWindowsOf(budgets, capabilities) : [],
          circuits: broken.map(presentCircuit),
        },
      };
    },
  });
}

function describe(providers: Providers, provider: ProviderId) {
  const definition = providers.definition(provider);
  const adapter = providers.find(provider);
  // The path's provider was looked up in the same registry.
  if (!definition) throw new Error(`no provider ${provider}`);
  return presentIntegration(definition, {
    limits: adapter?.capabilities.limits ?? definition.limits,
    rates: ratesOf(providers, provider),
    oauth: providers.integration(provider),
    reconciles: adapter !== null && reconciles(adapter),
  });
}

const ratesOf = (providers: Providers, provider: ProviderId): FullRates => ({
  sandbox: providers.ratePerSecond({ provider, environment: 'sandbox' }),
  production: providers.ratePerSecond({ provider, environment: 'production' }),
});
