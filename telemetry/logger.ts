import { pino } from 'pino';
import { cleanFields, cleanValue, messageOf } from './clean.ts';

export type Logger = pino.Logger;

export interface LoggerOptions {
  /** Which process writes: stands on every line. */
  readonly name: string;
  readonly level: pino.LevelWithSilent;
  /** Standard output without it. */
  readonly destination?: pino.DestinationStream;
}

/**
 * A pino logger, one JSON object a line, with secrets and personal data taken out of fields, messages, errors and child bindings.
 * It is a net, not a licence: records and credentials are not logged in the first place.
 *
 * pino's own `redact` is not used: it knows exact paths only, and with wildcards it throws on a Buffer (pino 10.4.0).
 */
export function createLogger({ name, level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Errors are already cut down; pino's default would put its own fields back.
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

/** pino calls `formatters.bindings` for the root logger alone. A child's prototype is its parent, so what is set here holds for all. */
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

/** `log(error)` and `log({ err })` take the error's message for the line's, as pino would with the error that it no longer sees. */
function cleanArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const error = errorOf(first);
  if (rest.length === 0 && error) rest = [messageOf(error)];
  const cleaned = cleanValue(first instanceof Error ? { err: first } : first);
  // pino takes a text in the first place for the message, and would drop the message that follows.
  const fields = typeof first === 'object' && typeof cleaned === 'string' ? { value: cleaned } : cleaned;
  return [fields, ...rest.map((value) => cleanValue(value))];
}

function errorOf(first: unknown): Error | null {
  if (first instanceof Error) return first;
  return typeof first === 'object' && first !== null && 'err' in first && first.err instanceof Error ? first.err : null;
}
