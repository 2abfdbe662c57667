import { pino } from 'pino';
import { cleanFields, cleanValue, messageOf } from './clean.ts';

export type Logger = pino.Logger;

export interface LoggerOptions {
  /** The process that writes; part of every line. */
  readonly name: string;
  readonly level: pino.LevelWithSilent;
  /** Defaults to standard output. */
  readonly destination?: pino.DestinationStream;
}

/**
 * A pino logger that writes one JSON object per line and removes secrets and personal data from fields, messages,
 * errors and child bindings. This is a safety net: records and credentials must not be logged in the first place.
 *
 * Does not use pino's own `redact`, which matches exact paths only, and with wildcards throws on a Buffer (pino
 * 10.4.0).
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Errors are already cleaned; pino's default serializer would add its own fields again.
    serializers: { err: (error: unknown) => error },
    hooks: {
      logMethod(args, method) {
        method.apply(this, cleanArguments(args) as typeof args);
      },
    },
  };
  return cleaningBindings(destination ? pino(options, destination) : pino(options));
}

interface Bindable {
  child(this: Logger, bindings: pino.Bindings, options?: pino.ChildLoggerOptions): Logger;
  setBindings(this: Logger, bindings: pino.Bindings): void;
}

/**
 * pino calls `formatters.bindings` for the root logger only. A child's prototype is its parent, so what is set here
 * applies to every child.
 */
function cleaningBindings(logger: Logger): Logger {
  const plain = Object.getPrototypeOf(logger) as Bindable;
  return Object.assign(logger, {
    child(this: Logger, bindings: pino.Bindings, options?: pino.ChildLoggerOptions) {
      return plain.child.call(this, cleanFields(bindings), options);
    },
    setBindings(this: Logger, bindings: pino.Bindings) {
      plain.setBindings.call(this, cleanFields(bindings));
    },
  });
}

/**
 * Uses the error's message as the line's message for `log(error)` and `log({ err })`, as pino does for an error that it
 * sees.
 */
function cleanArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const error = errorOf(first);
  if (rest.length === 0 && error) rest = [messageOf(error)];
  const cleaned = cleanValue(first instanceof Error ? { err: first } : first);
  // pino treats a string in first position as the message and would drop the message after it.
  const fields = typeof first === 'object' && typeof cleaned === 'string' ? { value: cleaned } : cleaned;
  return [fields, ...rest.map((value) => cleanValue(value))];
}

function errorOf(first: unknown): Error | null {
  if (first instanceof Error) return first;
  return typeof first === 'object' && first !== null && 'err' in first && first.err instanceof Error ? first.err : null;
}
