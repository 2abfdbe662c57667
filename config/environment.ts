import { ConfigError } from './config-error.ts';
import { withDefaults, variableName } from './provider-settings.ts';
import type { ConfigurableProvider, ProvidersConfig } from './provider-settings.ts';
import { variablesWith } from './variables.ts';
import type { ProcessName, Variable } from './variable.ts';
import type { VariableName, VariableValue } from './variables.ts';

/**
 * Shape of `process.env`. An empty string counts as absent, because compose and CI files turn an unset variable into
 * one.
 */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The variables of one process. Parses everything and applies every rule first, so that one failed start shows every
 * mistake. Values are read after `finish`.
 */
export class Environment {
  readonly variables: Readonly<Record<string, Variable>>;
  readonly #env: Env;
  readonly #providers: readonly ConfigurableProvider[];
  readonly #values = new Map<string, unknown>();
  readonly #problems: string[] = [];

  constructor(env: Env, process: ProcessName, providers: readonly ConfigurableProvider[] = []) {
    this.#env = env;
    this.#providers = providers;
    this.variables = variablesWith(providers);
    for (const [name, variable] of Object.entries(this.variables)) {
      if (variable.readBy.includes(process)) this.#parse(name, variable);
    }
  }

  /** Whether the variable is set explicitly: not absent, empty or defaulted. */
  isSet(name: string): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  /** The value or its default. Undefined when there is neither, or when this process does not read the variable. */
  get<Name extends VariableName>(name: Name): VariableValue<Name> | undefined {
    return this.#values.get(name) as VariableValue<Name> | undefined;
  }

  /** Like `get`, for a variable of any name. */
  value(name: string): unknown {
    return this.#values.get(name);
  }

  /** The settings of every provider. */
  providers(): ProvidersConfig {
    return Object.fromEntries(
      this.#providers.map(({ id, settings }) => {
        const given = Object.keys(settings).map((name) => [name, this.value(variableName(id, name))] as const);
        return [id, withDefaults(settings, Object.fromEntries(given))];
      }),
    );
  }

  /**
   * Adds a problem for each missing setting that another one requires: a provider's app is set up completely or not at
   * all.
   */
  requireWholeProviders(): void {
    for (const { id, settings } of this.#providers) {
      for (const [name, { neededWith = [] }] of Object.entries(settings)) {
        const given = neededWith.map((other) => variableName(id, other)).filter((other) => this.isSet(other));
        if (given.length > 0) this.require(variableName(id, name), `when ${given.join(' or ')} is set`);
      }
    }
  }

  /** Like `get`, for a variable that a rule or a default guarantees. Throws Error when neither does. */
  certain<Name extends VariableName>(name: Name): VariableValue<Name> {
    const value = this.get(name);
    if (value === undefined) throw new Error(`${name} is read without a rule that requires it`);
    return value;
  }

  /** Adds a problem when the variable is absent. `when` says what makes it necessary. */
  require(name: string, when = ''): void {
    const { form = '', obtain = '' } = this.variables[name] ?? {};
    if (!this.isSet(name))
      this.problem(`${name} is missing${when && `, needed ${when}`}. It must be ${form}. How to get it: ${obtain}`);
  }

  problem(message: string): void {
    this.#problems.push(message);
  }

  /** Throws ConfigError with every problem that was found, and does nothing when there is none. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  #parse(name: string, variable: Variable): void {
    const value = this.isSet(name) ? this.#env[name] : variable.default;
    if (value === undefined) return;
    const parsed = variable.schema.safeParse(value);
    if (parsed.success) this.#values.set(name, parsed.data);
    // Zod's own message is not used because it may quote the value.
    else this.problem(`${name} is wrong. It must be ${variable.form}.`);
  }
}
