import { variableName } from '../../config/provider-settings.ts';
import type { ConfigurableProvider, ProviderSettings, SettingValues } from '../../config/provider-settings.ts';
import type { NeededScopes } from './needed-scopes.ts';
import type { OAuthFlow, ProviderCapabilities, ProviderId } from '../../contracts/providers.ts';
import type { ProviderAdapterParts } from '../provider.ts';
import type { CallbackParameter, ConnectMethod, CredentialsMethod, OAuth2Method } from './connect-methods.ts';
import type { WebhookDefinition } from './webhook-definition.ts';

/** The version of the provider's API that the adapter speaks. */
export interface ApiVersion {
  /** The provider's name for the version. */
  readonly name: string;
  /** The day on which the provider ends the version, `YYYY-MM-DD`; null when it has announced none. */
  readonly endsOn: string | null;
}

/** Everything that the service knows about a provider. Configuration, API, OpenAPI, queues and docs derive from it. */
export interface ProviderDefinition<Settings extends ProviderSettings = ProviderSettings>
  extends
    Pick<ProviderCapabilities, 'resources' | 'limits'>,
    Partial<Pick<ProviderCapabilities, 'reports'>>,
    ConfigurableProvider {
  /** Lower-case letters, digits and dashes. It is stored and part of URLs, so it never changes. */
  readonly id: ProviderId;
  readonly apiVersion: ApiVersion;
  /** Settings become environment variables. */
  readonly settings: Settings;
  /** Permissions that a connection needs to sync a resource, by resource. Absent: every grant allows everything. */
  readonly neededScopes?: NeededScopes;
  /** The usual way first. */
  readonly connect: readonly ConnectMethod<SettingValues<Settings>>[];
  readonly webhooks?: WebhookDefinition<SettingValues<Settings>>;
  /**
   * The operator's own budget instead of the declared one, in requests per second and account; null: the declared one.
   */
  requestsPerSecond?(settings: SettingValues<Settings>): number | null;
  /** The limits with what the operator has set of them; absent: as declared. */
  limitsWith?(settings: SettingValues<Settings>): ProviderCapabilities['limits'];
  adapter(settings: SettingValues<Settings>): ProviderAdapterParts;
}

const ID = /^[a-z][a-z0-9-]{0,29}$/;
const REPORT_ID = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Checks a definition. Throws when it contradicts itself. */
export function defineProvider<const Settings extends ProviderSettings>(
  definition: ProviderDefinition<Settings>,
): ProviderDefinition<Settings> {
  const { id, apiVersion, connect, webhooks } = definition;
  const refuse = (problem: string): never => {
    throw new Error(`provider ${id}: ${problem}`);
  };
  if (!ID.test(id)) refuse('the id is not of lower case letters, digits and dashes');
  if (apiVersion.endsOn !== null && !DAY.test(apiVersion.endsOn)) refuse('apiVersion.endsOn is not a day');
  for (const kind of ['oauth', 'api-key'])
    if (connect.filter((method) => method.kind === kind).length > 1) refuse(`two ways to connect are of kind ${kind}`);
  const wrongReport = wrongReportOf(definition);
  if (wrongReport !== undefined) refuse(wrongReport);
  const unknown = unknownSettingOf(definition);
  if (unknown !== undefined) refuse(`there is no setting ${unknown}`);
  const wrongWebhooks = webhooks && wrongWebhooksOf(webhooks);
  if (wrongWebhooks !== undefined) refuse(wrongWebhooks);
  return definition;
}

/** What is wrong with the ids of the reports, which are parts of paths. */
function wrongReportOf({ reports = [] }: Pick<ProviderDefinition, 'reports'>): string | undefined {
  const ids = reports.map(({ id }) => id);
  const wrong = ids.find((id, at) => !REPORT_ID.test(id) || ids.indexOf(id) !== at);
  return wrong === undefined ? undefined : `the report ${wrong} is defined twice, or its id is not of lower case words`;
}

/** A setting that the definition names and does not have. */
function unknownSettingOf<Settings extends ProviderSettings>(
  definition: ProviderDefinition<Settings>,
): string | undefined {
  const { settings, webhooks } = definition;
  const named = [
    ...Object.values<ProviderSettings[string]>(settings).flatMap(({ neededWith = [] }) => neededWith),
    ...(oauthMethodOf(definition)?.needs ?? []),
    ...(webhooks?.secrets ? [webhooks.secrets] : []),
  ];
  return named.find((name) => !Object.hasOwn(settings, name));
}

/** What is wrong with how webhooks are declared. */
function wrongWebhooksOf(webhooks: WebhookDefinition<never>): string | undefined {
  if (!provesSenders(webhooks)) return 'nothing proves who has sent a webhook';
  const mayRegister = !webhooks.registers || webhooks.connectionEndpoint === 'secret-path';
  return mayRegister ? undefined : 'only an address without signatures can be registered';
}

/** A signature, or an address that nobody can guess. */
const provesSenders = ({
  signature,
  secrets,
  connectionEndpoint,
}: Pick<WebhookDefinition<never>, 'signature' | 'secrets' | 'connectionEndpoint'>): boolean =>
  signature !== undefined || (secrets === null && connectionEndpoint === 'secret-path');

type Connectable<Settings extends ProviderSettings> = Pick<ProviderDefinition<Settings>, 'connect'>;

export const oauthMethodOf = <Settings extends ProviderSettings>({
  connect,
}: Connectable<Settings>): OAuth2Method<SettingValues<Settings>> | null =>
  connect.find((method) => method.kind === 'oauth') ?? null;

export const credentialsMethodOf = ({ connect }: Pick<ProviderDefinition, 'connect'>): CredentialsMethod | null =>
  connect.find((method) => method.kind === 'api-key') ?? null;

/** The callback's query parameters that the exchange of the code needs; none for an undefined provider. */
export const callbackParametersOf = (
  definition: Pick<ProviderDefinition, 'connect'> | null,
): Readonly<Record<string, CallbackParameter>> => (definition && oauthMethodOf(definition)?.callbackParameters) ?? {};

/** Scopes that a flow can request; empty when the provider takes none. */
export const scopesOf = (definition: Pick<ProviderDefinition, 'connect'>, flow: OAuthFlow): readonly string[] =>
  oauthMethodOf(definition)?.scopes[flow] ?? [];

/** Environment variables that have to be set before an owner can be asked for consent. */
export const variablesForConsent = (definition: ProviderDefinition): readonly string[] =>
  oauthMethodOf(definition)?.needs.map((name) => variableName(definition.id, name)) ?? [];

export const capabilitiesOf = ({
  id,
  displayName,
  resources,
  reports = [],
  connect,
  limits,
}: ProviderDefinition): ProviderCapabilities => ({
  provider: id,
  displayName,
  resources,
  reports,
  connect: connect.map(({ kind }) => kind),
  limits,
});
