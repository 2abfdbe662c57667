import { ConfigError } from './config-error.ts';
import { withDefaults, variableName } from './provider-settings.ts';
import type { ConfigurableProvider, ProvidersConfig } from './provider-settings.ts';
import { variablesWith } from './variables.ts';
import type { ProcessName, Variable } from './variable.ts';
import type { VariableName, VariableValue } from './variables.ts';

/** Shape of `process.env`. An empty string counts as absent: that is what an unset variable becomes in compose and CI files. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The variables that one process reads. Everything is parsed and every rule applied first, so that one failed start shows every
 * mistake; values are taken after `finish`.
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

  /** Set by hand, so neither absent, nor empty, nor a default. */
  isSet(name: string): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  /** The value or its default; undefined when there is neither or this process does not read the variable. */
  get<Name extends VariableName>(name: Name): VariableValue<Name> | undefined {
    return this.#values.get(name) as VariableValue<Name> | undefined;
  }

  /** As `get`, of any variable. */
  value(name: string): unknown {
    return this.#values.get(name);
  }

  /** Every provider's settings. */
  providers(): ProvidersConfig {
    return Object.fromEntries(
      this.#providers.map(({ id, settings }) => {
        const given = Object.keys(settings).map((name) => [name, this.value(variableName(id, name))] as const);
        return [id, withDefaults(settings, Object.fromEntries(given))];
      }),
    );
  }

  /** Problems of settings that are required together: an app is set up whole or not at all. */
  requireWholeProviders(): void {
    for (const { id, settings } of this.#providers) {
      for (const [name, { neededWith = [] }] of Object.entries(settings)) {
        const given = neededWith.map((other) => variableName(id, other)).filter((other) => this.isSet(other));
        if (given.length > 0) this.require(variableName(id, name), `when ${given.join(' or ')} is set`);
      }
    }
  }

  /** As `get`, for what a rule or a default has made certain; throws Error when neither has. */
  certain<Name extends VariableName>(name: Name): VariableValue<Name> {
    const value = this.get(name);
    if (value === undefined) throw new Error(`${name} is read without a rule that requires it`);
    return value;
  }

  /** Absence is a problem. `when` says what makes the variable necessary. */
  require(name: string, when = ''): void {
    const { form = '', obtain = '' } = this.variables[name] ?? {};
    if (!this.isSet(name))
      this.problem(`${name} is missing${when && `, needed ${when}`}. It must be ${form}. How to get it: ${obtain}`);
  }

  problem(message: string): void {
    this.#problems.push(message);
  }

  /** Throws ConfigError when anything was wrong. */
  finish(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }

  #parse(name: string, variable: Variable): void {
    const value = this.isSet(name) ? this.#env[name] : variable.default;
    if (value === undefined) return;
    const parsed = variable.schema.safeParse(value);
    if (parsed.success) this.#values.set(name, parsed.data);
    // Never zod's own message: it may quote the value.
    else this.problem(`${name} is wrong. It must be ${variable.form}.`);
  }
}
