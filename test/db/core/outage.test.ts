import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isDatabaseAway } from '../../../db/core/outage.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { until } from '../../support/eventually.ts';

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );

/** A database at a port where nothing answers. */
function aDatabaseAt(port: number) {
  const db = openDatabase({
    url: `postgres://someone:secret@127.0.0.1:${port}/none`,
    maxConnections: 1,
    applicationName: 'test',
  });
  onTestFinished(() => db.$client.end({ timeout: 1 }));
  return db;
}

async function aPortThatResets(): Promise<number> {
  const server = createServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

describe('an outage of the database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it.each([
    ['nothing listens', freePort],
    ['connections are reset', aPortThatResets],
  ])('is reported by both a statement and a transaction when %s', async (_when, port) => {
    const db = aDatabaseAt(await port());
    expect(isDatabaseAway(await failureOf(db.execute(sql`select 1`)))).toBe(true);
    expect(isDatabaseAway(await failureOf(db.transaction((tx) => tx.execute(sql`select 1`))))).toBe(true);
  });

  it('is reported when the server ends the connection of a running statement or transaction', async () => {
    const asleep = (name: string) =>
      database.admin`select pid from pg_stat_activity where application_name = ${name} and query like '%pg_sleep%' and state = 'active'`;
    const cut = async (name: string, work: (db: Database) => Promise<unknown>) => {
      const db = openDatabase({ url: database.url, maxConnections: 1, applicationName: name });
      onTestFinished(() => db.$client.end({ timeout: 1 }));
      const failure = failureOf(work(db));
      const [{ pid } = {}] = await until(async () => ((await asleep(name)).length > 0 ? asleep(name) : null), {
        limitMs: 20_000,
        what: 'the statement is at work',
      });
      await database.admin`select pg_terminate_backend(${pid as number}, 5000)`;
      return failure;
    };
    const sleep = sql`select pg_sleep(30)`;
    expect(isDatabaseAway(await cut('statement', (db) => db.execute(sleep)))).toBe(true);
    expect(isDatabaseAway(await cut('transaction', (db) => db.transaction((tx) => tx.execute(sleep))))).toBe(true);
  });

  it('is not inferred from another connection’s error, whether direct, as a cause, or inside a transaction', async () => {
    const refusedPort = await freePort();
    const resettingPort = await aPortThatResets();
    for (const port of [refusedPort, resettingPort]) {
      const foreign = () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x' });
      expect(isDatabaseAway(await failureOf(foreign()))).toBe(false);
      expect(
        isDatabaseAway(new Error('the keys of the issuer cannot be read', { cause: await failureOf(foreign()) })),
      ).toBe(false);
      expect(isDatabaseAway(await failureOf(database.db.transaction(foreign)))).toBe(false);
    }
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH']) {
      expect(isDatabaseAway(Object.assign(new Error('a socket'), { code })), code).toBe(false);
    }
  });

  it('is inferred from a server that shuts down, starts up or is out of connections, and not from a statement it rejects', async () => {
    const raise = (code: string) =>
      failureOf(database.db.execute(sql.raw(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`)));
    for (const code of ['57P01', '57P03', '53300', '08006']) expect(isDatabaseAway(await raise(code)), code).toBe(true);
    for (const code of ['23505', '22P02']) expect(isDatabaseAway(await raise(code)), code).toBe(false);
  });
});
