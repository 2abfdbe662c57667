import { ENVIRONMENTS, MONTH_S } from '../contracts/providers.ts';
import type { BudgetStatusStore } from '../db/budgets/budget-status-store.ts';
import { countedWindowsOf } from '../providers/limits/limits.ts';
import type { Providers } from '../providers/providers.ts';
import type { AppWindow, AppWindowSource } from '../telemetry/provider-metrics.ts';

const WORDS: ReadonlyMap<number, AppWindow['window']> = new Map([
  [3_600, 'hour'],
  [86_400, 'day'],
  [MONTH_S, 'month'],
]);

/** What is left of the long windows that all accounts of a provider's app share. A window without a call is whole. */
export const appWindowSource = (
  providers: Pick<Providers, 'ids' | 'find'>,
  budgets: Pick<BudgetStatusStore, 'readApp'>,
): AppWindowSource => ({
  async listLeft() {
    const found = await Promise.all(
      providers.ids.flatMap((provider) =>
        ENVIRONMENTS.map(async (environment): Promise<readonly AppWindow[]> => {
          const limits = providers.find(provider)?.capabilities.limits[environment] ?? [];
          const windows = countedWindowsOf(limits).filter(({ scope }) => scope === 'app');
          const counted = windows.length === 0 ? [] : await budgets.readApp(provider, environment);
          return windows.map(({ count, perSeconds, callClass = null }) => {
            const { used = 0 } =
              counted.find((one) => one.perSeconds === perSeconds && one.callClass === callClass) ?? {};
            const window = WORDS.get(perSeconds) ?? 'other';
            return { provider, environment, callClass: callClass ?? 'all', window, left: Math.max(0, count - used) };
          });
        }),
      ),
    );
    return found.flat();
  },
});
