import type { z } from 'zod';
import { SERVICES } from './variable.ts';
import type { Variable } from './variable.ts';

/** One setting of a provider. Its environment variable is named after both: `appId` of `square` is `SQUARE_APP_ID`. */
export interface ProviderSetting extends Omit<Variable, 'neededBy' | 'readBy'> {
  /** The processes that read it. Both when left out. */
  readonly readBy?: readonly (typeof SERVICES)[number][];
  /** Other settings of the same provider that require this one: once one of them is set, this one must be too. */
  readonly neededWith?: readonly string[];
}

export type ProviderSettings = Readonly<Record<string, ProviderSetting>>;

/** Preferred ports of a provider's stand-in, used while they are free. */
export interface StandInPorts {
  readonly api: number;
  readonly control: number;
}

/** What the configuration has to know about a provider. */
export interface ConfigurableProvider {
  readonly id: string;
  /** The provider's name as people know it. */
  readonly displayName: string;
  readonly settings: ProviderSettings;
  /** Default ports of its stand-in. Any free ports when left out. */
  readonly standInPorts?: StandInPorts;
}

/** A setting without a default is null when it is not set. */
type SettingValue<Setting extends ProviderSetting> = Setting extends { readonly default: string }
  ? z.output<Setting['schema']>
  : z.output<Setting['schema']> | null;
export type SettingValues<Settings extends ProviderSettings> = {
  readonly [Name in keyof Settings]: SettingValue<Settings[Name]>;
};

/** The values of every provider's settings, by provider. */
export type ProvidersConfig = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The environment variable of a provider's setting. */
export const variableName = (provider: string, setting: string): string =>
  `${provider}_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`)}`.replaceAll('-', '_').toUpperCase();

/** The environment variables of all providers, in the order of their definitions. */
export function providerVariables(providers: readonly ConfigurableProvider[]): Readonly<Record<string, Variable>> {
  return Object.fromEntries(
    providers.flatMap(({ id, settings }) =>
      Object.entries(settings).map(([name, setting]) => [variableName(id, name), variableOf(id, setting)]),
    ),
  );
}

function variableOf(provider: string, setting: ProviderSetting): Variable {
  const { readBy = SERVICES, neededWith = [], ...rest } = setting;
  const names = neededWith.map((name) => `\`${variableName(provider, name)}\``);
  return {
    ...rest,
    readBy,
    ...(names.length > 0 && { neededBy: `${readBy.join(', ')} when ${names.join(' or ')} is set` }),
  };
}

/** A provider's settings: the given values, with defaults for the others. Throws for a setting that is not declared. */
export function withDefaults(settings: ProviderSettings, given: Readonly<Record<string, unknown>> = {}) {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(settings, name));
  if (unknown !== undefined) throw new Error(`there is no setting ${unknown}`);
  return Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [
      name,
      given[name] ?? (setting.default === undefined ? null : setting.schema.parse(setting.default)),
    ]),
  );
}
