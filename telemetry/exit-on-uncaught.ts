import type { Logger } from './logger.ts';

/**
 * Makes the process log an uncaught error as one line of its structured log and exit with 1. By default Node prints the
 * error with every property to standard error, past the logger that removes secrets
 * (https://nodejs.org/docs/latest-v24.x/api/process.html#event-uncaughtexception, read 2026-11-28). Unhandled
 * rejections arrive here too.
 */
export function exitOnUncaught(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'the process exits because of an uncaught error');
    process.exit(1);
  });
}
