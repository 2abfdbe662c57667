import { z } from 'zod';
import { GRANT_ACCOUNT_KINDS } from '../../contracts/providers.ts';
import type { Environment, Limit, LimitScope, ProviderCapabilities } from '../../contracts/providers.ts';
import type { BudgetStatus, WindowStatus } from '../../db/budgets/budget-status-store.ts';
import type { CircuitStatus } from '../../db/budgets/circuit-store.ts';
import { concurrencyOf, countedWindowsOf } from '../../providers/limits/limits.ts';
import { capabilitiesOf, credentialsMethodOf, oauthMethodOf } from '../../providers/kit/define-provider.ts';
import type { ProviderDefinition } from '../../providers/kit/define-provider.ts';
import type { Integration as IntegrationHere } from '../../providers/providers.ts';
import { orNull } from './common.ts';
import { reportName, reportPeriod } from './report.ts';
import { direction, environment, limitScope, oauthFlow, provider, resource } from './words.ts';

const rate = z.number().min(0);
const slots = z.int().min(0);
const callClass = z
  .string()
  .nullable()
  .meta({ description: 'The calls that are counted, by the provider’s word such as `read`; null: all.' });
export const countedWindow = z.object({
  perSeconds: slots,
  count: slots.meta({ description: 'Calls that the window takes.' }),
  used: slots,
  endsAt: z.iso.datetime().meta({ description: 'When it begins anew.' }),
  callClass,
});
const limit = z.object({
  requestsPerSecond: rate,
  concurrency: slots,
  windows: z.array(z.object({ count: slots, perSeconds: slots, scope: limitScope, callClass })).meta({
    description:
      'Windows of over a minute: so many calls in so many seconds, of one account or of all accounts together. 2,678,400 seconds are a calendar month in UTC.',
  }),
});

export const integrationAnswer = z
  .object({
    provider,
    displayName: z.string(),
    configured: z
      .boolean()
      .meta({ description: 'Whether it can be connected here and now, the first way in `connect`.' }),
    supported: z.boolean().meta({
      description: 'Whether this version speaks to the provider; the settings in `toSet` alone do not change that.',
    }),
    toSet: z
      .array(z.string())
      .meta({ description: 'Environment variables that connecting by consent needs and that are not set.' }),
    flows: z.array(oauthFlow).meta({ description: 'How consent can be asked for here, the usual way first.' }),
    environment: orNull(environment).meta({
      description: 'Where accounts are that are connected by consent; null while none can be.',
    }),
    resources: z.array(z.object({ resource, directions: z.array(direction) })),
    reconciles: z.boolean().meta({
      description: 'Whether its transactions of a day can be compared with the venue’s: `POST …/reconciliations`.',
    }),
    reports: z.array(z.object({ report: reportName, title: z.string(), period: reportPeriod })).meta({
      description: 'What `GET …/connections/{connectionId}/reports/{report}` reads, with the days that each takes.',
    }),
    connect: z.array(z.enum(['api-key', 'oauth'])).meta({
      description: 'Ways to connect, the usual one first. `api-key`: with `credentials` that the venue enters.',
    }),
    credentialFields: z
      .array(
        z.object({
          name: z.string(),
          description: z.string(),
          secret: z.boolean().meta({ description: 'Sealed, and never shown again.' }),
        }),
      )
      .meta({ description: 'What `credentials` hold; empty where none can be entered.' }),
    accounts: z.enum(GRANT_ACCOUNT_KINDS).nullable().meta({
      description:
        'What one consent may open several of, to choose from with `…/connections/{connectionId}/accounts`; null: nothing.',
    }),
    apiVersion: z
      .object({
        name: z.string().meta({ description: 'By the provider’s name for it.' }),
        endsOn: z.iso
          .date()
          .nullable()
          .meta({ description: 'The day on which the provider ends it; null: it has named none.' }),
      })
      .meta({ description: 'The version of the provider’s API that this service speaks.' }),
    limits: z
      .object({ sandbox: limit, production: limit })
      .nullable()
      .meta({ description: 'Of one provider account: what this service allows itself.' }),
  })
  .meta({ id: 'Integration' });

export const integrationsAnswer = z.object({ data: z.array(integrationAnswer) }).meta({ id: 'Integrations' });

export const integrationStatusAnswer = z
  .object({
    provider,
    budgets: z
      .array(
        z.object({
          environment,
          accountId: z.string(),
          requestsPerSecond: rate.meta({ description: 'The full budget.' }),
          allowedPerSecond: rate.meta({
            description: 'What is let through now: less while the account recovers from being slowed down.',
          }),
          waitMs: z.int().min(0).meta({ description: 'How long a call that came now would wait.' }),
          concurrency: slots.meta({ description: 'Requests at once.' }),
          concurrencyInUse: slots,
          windows: z
            .array(countedWindow)
            .meta({ description: 'Windows of over a minute in which calls were counted.' }),
        }),
      )
      .meta({
        description:
          'Of the accounts that were called before and that the caller’s venues have connected: at most 200 an environment, latest first.',
      }),
    appWindows: z.array(countedWindow.extend({ environment })).meta({
      description:
        'Windows of over a minute that all accounts share, in which calls were counted. Only for a caller who may see every venue: they tell of others’ calls.',
    }),
    circuits: z
      .array(
        z.object({
          environment,
          accountId: z.string().nullable().meta({ description: 'Null: all accounts of the provider.' }),
          state: z.enum(['closed', 'open', 'half-open']).meta({
            description:
              'Open: no call is made until `retryAt`. Half-open: single calls try the provider, and two that succeed in a row close it.',
          }),
          failures: z.int().min(0).meta({ description: 'In a row.' }),
          openedAt: z.iso.datetime().nullable(),
          retryAt: z.iso.datetime().nullable(),
        }),
      )
      .meta({
        description:
          'Of the provider, and of accounts that the caller’s venues have connected: those whose last call has failed. Runs that meet an open one wait.',
      }),
  })
  .meta({ id: 'IntegrationStatus' });

export type FullRates = Readonly<Record<Environment, number>>;

export function presentIntegration(
  definition: ProviderDefinition,
  here: {
    readonly limits: ProviderCapabilities['limits'];
    readonly rates: FullRates;
    readonly oauth: IntegrationHere;
    readonly reconciles: boolean;
  },
): z.input<typeof integrationAnswer> {
  const { limits, rates, oauth, reconciles } = here;
  const { provider, displayName, resources, reports, connect } = capabilitiesOf(definition);
  const limitOf = (environment: Environment) => ({
    requestsPerSecond: rates[environment],
    concurrency: concurrencyOf(limits[environment]),
    windows: countedWindowsOf(limits[environment]).map(({ count, perSeconds, scope, callClass = null }) => ({
      ...{ count, perSeconds, scope, callClass },
    })),
  });
  const fields = Object.entries(credentialsMethodOf(definition)?.fields ?? {});
  return {
    provider,
    displayName,
    configured: connect[0] === 'api-key' || oauth.configured,
    supported: true,
    toSet: [...oauth.missing],
    flows: [...oauth.flows],
    environment: oauth.environment,
    resources: resources.map(({ resource, directions }) => ({ resource, directions: [...directions] })),
    reconciles,
    reports: reports.map(({ id, title, period }) => ({ report: id, title, period })),
    connect: [...connect],
    accounts: oauthMethodOf(definition)?.accounts?.kind ?? null,
    credentialFields: fields.map(([name, { description, secret }]) => ({ name, description, secret })),
    apiVersion: { ...definition.apiVersion },
    limits: { sandbox: limitOf('sandbox'), production: limitOf('production') },
  };
}

export function presentCircuit({
  environment,
  externalAccountId,
  state,
  failures,
  openedAt,
  retryAt,
}: CircuitStatus): z.input<typeof integrationStatusAnswer>['circuits'][number] {
  const iso = (at: Date | null) => at?.toISOString() ?? null;
  return { environment, accountId: externalAccountId, state, failures, openedAt: iso(openedAt), retryAt: iso(retryAt) };
}

export function presentBudget(
  budget: BudgetStatus,
  { limits }: ProviderCapabilities,
  rates: FullRates,
): z.input<typeof integrationStatusAnswer>['budgets'][number] {
  const { environment, externalAccountId, ratePerSecond, waitMs, leasedSlots } = budget;
  return {
    environment,
    accountId: externalAccountId,
    requestsPerSecond: rates[environment],
    allowedPerSecond: ratePerSecond,
    waitMs,
    concurrency: concurrencyOf(limits[environment]),
    concurrencyInUse: leasedSlots,
    windows: presentWindows(budget.windows, limits[environment], 'account'),
  };
}

/** The counted windows of a scope, each with its limit. */
export const presentWindows = (
  counted: readonly WindowStatus[],
  limits: readonly Limit[],
  scope: LimitScope,
): z.input<typeof countedWindow>[] =>
  countedWindowsOf(limits)
    .filter((one) => one.scope === scope)
    .flatMap(({ count, perSeconds, callClass = null }) =>
      counted
        .filter((one) => one.perSeconds === perSeconds && one.callClass === callClass)
        .map((one) => ({ ...one, count })),
    );
