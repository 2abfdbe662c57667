import { writeSync } from 'node:fs';

/** `EX_CONFIG` of sysexits.h, so that a supervisor can tell a process that can never start from a crash. */
export const CONFIG_EXIT_CODE = 78;

/** The environment is unusable. The message names every problem at once and never a value. */
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

/** For main.ts files: runs `read`. On a ConfigError it prints the message to standard error and exits with code 78. */
export function exitOnConfigError<Config>(read: () => Config): Config {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Writes synchronously, because a pipe may lose what was written just before the process exits.
    writeSync(process.stderr.fd, `${error.message}\n`);
    process.exit(CONFIG_EXIT_CODE);
  }
}
