import { messageOf } from './start-error.ts';

export interface CleanUp {
  /** `undo` takes down what was just brought up. */
  add(undo: () => Promise<unknown>): void;
  /** Runs all undo steps once, last first. Logs a failing step and continues. */
  run(): Promise<void>;
  /** Like `run`, then exits with code 1. */
  abort(): void;
}

/** For scripts that bring services up: from here on SIGINT and SIGTERM abort the script. */
export function createCleanUp(): CleanUp {
  const steps: (() => Promise<unknown>)[] = [];
  let running: Promise<void> | null = null;

  async function undoAll(): Promise<void> {
    for (const last of steps.reverse())
      await last().catch((error: unknown) => {
        console.error(messageOf(error));
      });
  }

  const run = (): Promise<void> => (running ??= undoAll());
  const abort = (): void => {
    void run().finally(() => process.exit(1));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort);
  return {
    add: (undo) => {
      steps.push(undo);
    },
    run,
    abort,
  };
}
