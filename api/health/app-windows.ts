import { ENVIRONMENTS } from '../../contracts/providers.ts';
import type { ProviderCapabilities } from '../../contracts/providers.ts';
import type { BudgetStatusStore } from '../../db/budgets/budget-status-store.ts';
import { presentWindows } from '../schemas/integration.ts';

/** What is left of the windows of a provider that all accounts share. */
export async function appWindowsOf(
  budgets: Pick<BudgetStatusStore, 'readApp'>,
  { provider, limits }: Pick<ProviderCapabilities, 'provider' | 'limits'>,
) {
  const found = await Promise.all(
    ENVIRONMENTS.map(async (environment) =>
      presentWindows(await budgets.readApp(provider, environment), limits[environment], 'app').map((window) => ({
        ...window,
        environment,
      })),
    ),
  );
  return found.flat();
}
