import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

/**
 * Work inside a transaction may lose a connection other than the transaction's own: to a provider, or of another pool.
 */
describe('a transaction whose work fails with the error of another connection', () => {
  let database: TestDatabase;
  let one: Database;
  let other: Database;
  let port: number;
  const server = createServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
  beforeAll(async () => {
    database = await createTestDatabase();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    server.close();
    await database.drop();
  });
  beforeEach(() => {
    one = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'one' });
    other = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'other' });
  });
  afterEach(async () => {
    await Promise.all([one.$client.end({ timeout: 1 }), other.$client.end({ timeout: 1 })]);
  });

  async function resetSocket(): Promise<never> {
    const socket = connect(port, '127.0.0.1').on('connect', () => socket.write('x'));
    const [error] = (await once(socket, 'close').then(
      () => [],
      (failure: unknown) => [failure],
    )) as unknown[];
    throw error;
  }
  async function cutConnection(): Promise<unknown> {
    const [backend] = await other.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    const asked = other.execute(sql`select pg_sleep(5)`);
    const cut = database.admin`select pg_terminate_backend(${backend?.pid ?? 0}, 5000)`;
    return (await Promise.all([asked, cut]))[0];
  }
  function ring(): Promise<never> {
    const [outer, inner] = [new Error('outer'), new Error('inner')];
    outer.cause = inner;
    inner.cause = outer;
    return Promise.reject(outer);
  }

  it.each([
    ['a socket that is reset', resetSocket, { code: 'ECONNRESET' }],
    ['a fetch that is reset', () => fetch(`http://127.0.0.1:${port}/`), { name: 'TypeError', message: 'fetch failed' }],
    [
      'a timeout of the operating system',
      () => Promise.reject(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      { code: 'ETIMEDOUT' },
    ],
    [
      'a pipe that is closed, as a cause',
      () => Promise.reject(new Error('outer', { cause: Object.assign(new Error('closed'), { code: 'EPIPE' }) })),
      { message: 'outer' },
    ],
    ['a connection of another pool', cutConnection, { name: 'Error' }],
    ['causes that form a cycle', ring, { message: 'outer' }],
  ])(
    'rejects with that error, is rolled back, and releases its connection: %s',
    async (_case, work, expected) => {
      await database.admin`create table if not exists marks (mark text)`;
      await database.admin`grant all on marks to interlock_app`;
      const transaction = one.transaction(async (tx) => {
        await tx.execute(sql`insert into marks values ('left behind')`);
        await work();
      });
      await expect(transaction).rejects.toMatchObject(expected);
      // The pool has one connection, so this hangs if the transaction still holds it.
      expect(await one.execute(sql`select mark from marks`)).toHaveLength(0);
    },
    10_000,
  );
});
