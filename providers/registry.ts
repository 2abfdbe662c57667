import { withDefaults, variableName } from '../config/provider-settings.ts';
import type { ProviderSettings, ProvidersConfig, SettingValues } from '../config/provider-settings.ts';
import { RECORD_KINDS } from '../records/registry.ts';
import type { RecordKinds } from '../records/registry.ts';
import type { Secret } from '../vault/secret.ts';
import type { Budget } from './limits/budget.ts';
import type { Circuits } from './limits/circuits.ts';
import { cleanAccounts } from './clean-session.ts';
import { capabilitiesOf, oauthMethodOf, variablesForConsent } from './kit/define-provider.ts';
import type { ProviderDefinition } from './kit/define-provider.ts';
import { readerOf } from './kit/webhook-definition.ts';
import type { WebhookSetup } from './kit/webhook-definition.ts';
import { mailchimp } from './mailchimp/index.ts';
import { createPipeline } from './http/pipeline.ts';
import type { SetUpProvider } from './http/pipeline.ts';
import type { AccountListing, Providers } from './providers.ts';
import { quickbooks } from './quickbooks/index.ts';
import { square } from './square/index.ts';
import { stripe } from './stripe/index.ts';
import { xero } from './xero/index.ts';

/** Every provider of this service. This is the only list: code that needs them receives this value, or a test's own. */
export const PROVIDERS: readonly ProviderDefinition[] = [stripe, square, quickbooks, mailchimp, xero];

/** The providers and record kinds that a process serves. */
export interface Registries {
  readonly providers: readonly ProviderDefinition[];
  readonly kinds: RecordKinds;
}

/** Throws for a provider whose resource is not a kind of record. */
export function createRegistries(providers: readonly ProviderDefinition[], kinds: RecordKinds): Registries {
  for (const { id, resources } of providers)
    for (const { resource } of resources)
      if (!kinds.has(resource)) throw new Error(`provider ${id}: there is no kind of record called ${resource}`);
  return { providers, kinds };
}

/** The registries of this service. Only its entry points name them and pass them on; a test passes others. */
export const REGISTRIES: Registries = createRegistries(PROVIDERS, RECORD_KINDS);

/** What the processes of this service share about providers. */
export interface SharedState {
  readonly budget: Budget;
  /** Without them no call is ever withheld from a failing provider. */
  readonly circuits?: Circuits | undefined;
}

/** Sets up the defined providers. Omitted settings have their defaults. Throws for an id that is defined twice. */
export function createProviders(
  definitions: readonly ProviderDefinition[],
  config: ProvidersConfig,
  { budget, circuits }: SharedState,
): Providers {
  const ids = definitions.map(({ id }) => id);
  if (new Set(ids).size < ids.length) throw new Error(`a provider is defined twice: ${ids.join(', ')}`);
  return createPipeline({
    providers: definitions.map((definition) => setUp(definition, config[definition.id])),
    budget,
    ...(circuits && { circuits }),
  });
}

function setUp(definition: ProviderDefinition, given: ProvidersConfig[string] | undefined): SetUpProvider {
  const settings = withDefaults(definition.settings, given);
  const flows = oauthMethodOf(definition)?.flows(settings) ?? [];
  const capabilities = capabilitiesOf(definition);
  const limits = definition.limitsWith?.(settings) ?? capabilities.limits;
  return {
    definition,
    adapter: { id: definition.id, capabilities: { ...capabilities, limits }, ...definition.adapter(settings) },
    flows,
    missing: flows.length > 0 ? [] : variablesForConsent(definition),
    accounts: accountsOf(definition, settings),
    webhooks: webhooksOf(definition, settings),
    requestsPerSecond: definition.requestsPerSecond?.(settings) ?? null,
  };
}

function accountsOf(definition: ProviderDefinition, settings: SettingValues<ProviderSettings>): AccountListing | null {
  const accounts = oauthMethodOf(definition)?.accounts;
  if (!accounts) return null;
  return {
    kind: accounts.kind,
    list: async (credential, calls) => cleanAccounts(definition.id, await accounts.list(settings, credential, calls)),
  };
}

function webhooksOf(
  { id, webhooks }: ProviderDefinition,
  settings: Readonly<Record<string, unknown>>,
): WebhookSetup | null {
  if (!webhooks) return null;
  const { connectionEndpoint: kind, signature, registers = false } = webhooks;
  const secrets = webhooks.secrets === null ? null : (settings[webhooks.secrets] as readonly Secret[] | null);
  return {
    provider: id,
    handshake: webhooks.handshake?.bind(webhooks),
    answersWithoutBody: webhooks.answersWithoutBody === true,
    reader: secrets && readerOf(webhooks, settings, secrets),
    variable: webhooks.secrets === null ? null : variableName(id, webhooks.secrets),
    connectionEndpoint: kind
      ? {
          kind,
          secretForm: signature?.secretForm,
          registers,
          readerWith: (entered) => readerOf(webhooks, settings, entered),
        }
      : null,
  };
}
