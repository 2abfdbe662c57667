import { messageOf } from './start-error.ts';

export interface CleanUp {
  /** `undo` takes down what was just brought up. */
  add(undo: () => Promise<unknown>): void;
  /** Undoes everything, the last first, once, whoever asks first; a step that fails is told and holds nobody up. */
  run(): Promise<void>;
  /** As `run`, and then ends the process with exit code 1. */
  abort(): void;
}

/** For a script that brings things up: SIGINT and SIGTERM abort it from here on. */
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
