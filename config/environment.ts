import { ConfigError } from './config-error.ts';
import { VARIABLES } from './variables.ts';
import type { ProcessName, Variable } from './variable.ts';
import type { VariableName, VariableValue } from './variables.ts';

/** Shape of `process.env`. An empty string counts as absent: that is what an unset variable becomes in compose and CI files. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The variables that one process reads. Everything is parsed and every rule applied first, so that one failed start shows every
 * mistake; values are taken after `finish`.
 */
export class Environment {
  readonly #env: Env;
  readonly #values = new Map<VariableName, unknown>();
  readonly #problems: string[] = [];

  constructor(env: Env, process: ProcessName) {
    this.#env = env;
    for (const [name, variable] of Object.entries(VARIABLES) as [VariableName, Variable][]) {
      if (variable.readBy.includes(process)) this.#parse(name, variable);
    }
  }

  /** Set by hand, so neither absent, nor empty, nor a default. */
  isSet(name: VariableName): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  /** The value or its default; undefined when there is neither or this process does not read the variable. */
  get<Name extends VariableName>(name: Name): VariableValue<Name> | undefined {
    return this.#values.get(name) as VariableValue<Name> | undefined;
  }

  /** As `get`, for what a rule or a default has made certain; throws Error when neither has. */
  certain<Name extends VariableName>(name: Name): VariableValue<Name> {
    const value = this.get(name);
    if (value === undefined) throw new Error(`${name} is read without a rule that requires it`);
    return value;
  }

  /** Absence is a problem. `when` says what makes the variable necessary. */
  require(name: VariableName, when = ''): void {
    const { form, obtain } = VARIABLES[name];
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

  #parse(name: VariableName, variable: Variable): void {
    const value = this.isSet(name) ? this.#env[name] : variable.default;
    if (value === undefined) return;
    const parsed = variable.schema.safeParse(value);
    if (parsed.success) this.#values.set(name, parsed.data);
    // Never zod's own message: it may quote the value.
    else this.problem(`${name} is wrong. It must be ${variable.form}.`);
  }
}
