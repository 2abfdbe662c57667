import type postgres from 'postgres';
import { codesOf } from '../domain/error-codes.ts';

type TransactionWork = (tx: postgres.TransactionSql) => unknown;

/**
 * Makes transactions of a pool end well when their connection is lost. By itself the library goes on sending for them, ROLLBACK at
 * least: to a socket that is gone, which ends the process, or to one that by then belongs to another transaction
 * (https://github.com/porsager/postgres/issues/1199, read 2026-11-21). Here such work is cut off and never told to have ended;
 * `begin` itself rejects as soon as the connection is closed.
 */
export function guardTransactions(client: postgres.Sql): void {
  const begin = client.begin.bind(client) as (work: TransactionWork) => Promise<unknown>;

  async function once(work: TransactionWork, state: { begun: boolean; over: boolean }): Promise<unknown> {
    try {
      return await begin(async (tx) => {
        state.begun = true;
        try {
          return await work(cutOffWhen(tx, () => state.over));
        } catch (error) {
          if (isConnectionLost(error)) return new Promise(() => undefined);
          throw error;
        }
      });
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
        // A connection that is opened again may first repeat how it ended the last time, before anything was sent.
        if (state.begun || attempt >= MAX_ATTEMPTS || !isConnectionLost(error)) throw error;
      }
    }
  }
  client.begin = guarded as typeof client.begin;
}

const MAX_ATTEMPTS = 3;

/** After these the socket is closed, by either side. 57P: the server is going down, https://www.postgresql.org/docs/18/errcodes-appendix.html. */
const CONNECTION_LOST = /^(CONNECTION_(CLOSED|DESTROYED)|ECONNRESET|EPIPE|ETIMEDOUT|57P0[123])$/;

const isConnectionLost = (error: unknown): boolean => codesOf(error).some((code) => CONNECTION_LOST.test(code));

function cutOffWhen(tx: postgres.TransactionSql, isOver: () => boolean): postgres.TransactionSql {
  return new Proxy(tx, {
    get(target, name) {
      if (isOver()) throw Object.assign(new Error('the transaction has lost its connection'), { code: 'CONNECTION_CLOSED' });
      return Reflect.get(target, name) as unknown;
    },
  });
}
