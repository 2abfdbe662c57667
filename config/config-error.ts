import { writeSync } from 'node:fs';

/** `EX_CONFIG` of sysexits.h: a supervisor can tell "will never start like this" from a crash. */
export const CONFIG_EXIT_CODE = 78;

/** The environment cannot be used. The message names every problem at once and never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      [
        'The environment cannot be used:',
        ...problems.map((problem) => `  - ${problem}`),
        'docs/configuration.md describes every variable.',
      ].join('\n'),
    );
    this.problems = problems;
  }
}

/** For main.ts files: runs `read`; on a ConfigError prints its message to standard error and ends the process with code 78. */
export function exitOnConfigError<Config>(read: () => Config): Config {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Synchronous: a pipe may otherwise lose what was written just before exit.
    writeSync(process.stderr.fd, `${error.message}\n`);
    process.exit(CONFIG_EXIT_CODE);
  }
}
