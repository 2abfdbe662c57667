import { setTimeout as delay } from 'node:timers/promises';
import type postgres from 'postgres';
import { codesOf } from '../../domain/errors/error-codes.ts';
import { markConnectionError } from '../connections/connection-errors.ts';
import { prepareRepeated, RepeatedStatements } from './repeated-statements.ts';

type TransactionWork = (tx: postgres.TransactionSql) => unknown;

/**
 * Makes a pool's transactions fail cleanly when their connection is lost. The library would go on sending, at least a
 * ROLLBACK: to a closed socket, which ends the process, or to one that belongs to another transaction by then
 * (https://github.com/porsager/postgres/issues/1199, read 2026-11-21). Here `begin` rejects as soon as the connection
 * is closed, and the work's promises never settle. Work may also fail with the error of another connection, such as one
 * to a provider: when `begin` has not rejected a moment later, the transaction's own connection is alive and the error
 * belongs to the work.
 */
export function guardTransactions(client: postgres.Sql): void {
  const statements = new RepeatedStatements();
  const begin = client.begin.bind(client) as (work: TransactionWork) => Promise<unknown>;

  async function once(work: TransactionWork, state: { begun: boolean; over: boolean }): Promise<unknown> {
    const failed: { error?: unknown } = {};
    try {
      return await begin(async (tx) => {
        state.begun = true;
        try {
          return await neverEndsWhenLost(work, prepareRepeated(tx, statements), () => state.over);
        } catch (error) {
          failed.error = error;
          throw error;
        }
      });
    } catch (error) {
      // An error other than the work's own is the connection's.
      throw error === failed.error ? error : markConnectionError(error);
    } finally {
      state.over = true;
    }
  }

  async function guarded(work: TransactionWork): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      const state = { begun: false, over: false };
      try {
        return await once(work, state);
      } catch (error) {
        // An idle connection that the other side has closed fails its next BEGIN, before any work was sent.
        if (state.begun || attempt >= MAX_ATTEMPTS || !isConnectionLost(error)) throw error;
      }
    }
  }
  client.begin = guarded as typeof client.begin;
}

async function neverEndsWhenLost(
  work: TransactionWork,
  tx: postgres.TransactionSql,
  isOver: () => boolean,
): Promise<unknown> {
  try {
    return await work(cutOffWhen(tx, isOver));
  } catch (error) {
    if (isConnectionLost(error)) await delay(CLOSING_MS, undefined, { ref: false });
    if (isOver()) return new Promise(() => undefined);
    throw error;
  }
}

const MAX_ATTEMPTS = 3;
/** A lost connection is closed in the same turn as its error, or a round trip after the server's last message. */
const CLOSING_MS = 500;

/**
 * Errors after which either side closes the socket. 57P: the server is shutting down; 25P03: the transaction was idle
 * for too long; https://www.postgresql.org/docs/18/errcodes-appendix.html.
 */
const CONNECTION_LOST = /^(CONNECTION_(CLOSED|DESTROYED)|ECONNRESET|EPIPE|ETIMEDOUT|57P0[123]|25P03)$/;

export const isConnectionLost = (error: unknown): boolean => codesOf(error).some((code) => CONNECTION_LOST.test(code));

function cutOffWhen(tx: postgres.TransactionSql, isOver: () => boolean): postgres.TransactionSql {
  return new Proxy(tx, {
    get(target, name) {
      if (isOver())
        throw Object.assign(new Error('the transaction has lost its connection'), { code: 'CONNECTION_CLOSED' });
      // Work under a savepoint has a handle of its own.
      if (name === 'savepoint')
        return (work: TransactionWork) => target.savepoint((inner) => neverEndsWhenLost(work, inner, isOver));
      return Reflect.get(target, name) as unknown;
    },
  });
}
