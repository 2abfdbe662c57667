import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, describe, expect, it } from 'vitest';
import postgres from 'postgres';
import { createIdempotencyStore } from '../../../db/core/idempotency-store.ts';
import { migrateUp } from '../../../db/core/migrate.ts';
import { ensureServiceLogin } from '../../../db/core/service-login.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { startEmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import type { EmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import { customers } from '../../../records/customers.ts';
import { aVenue } from '../builders.ts';

const quiet = () => undefined;
const dataFolder = join(tmpdir(), `interlock_test_${randomBytes(4).toString('hex')}`);
let server: EmbeddedPostgres | null = null;
afterEach(async () => {
  await server?.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

const start = async () => {
  server = await startEmbeddedPostgres({ dataFolder, password: 'a password', log: quiet });
  return server;
};

describe('a load that was answered', () => {
  it('has its record, its claim, its answer and its audit row after a kill of the server', async () => {
    const rounds = 5;
    let { url } = await start();
    await migrateUp({ url, log: quiet });
    for (let round = 1; round <= rounds; round += 1) {
      const service = await ensureServiceLogin(url, { name: 'service', password: 'service' });
      const db = openDatabase({ url: service, maxConnections: 2, writeConnections: 2, applicationName: 'test' });
      const venueId = await aVenue(db);
      const [store, keys] = [createRecordStore(db, customers), createIdempotencyStore(db)];
      const ref = { caller: 'alice', operation: 'POST /batch', key: `key ${round}` };

      const claim = keys.pendingClaim(ref, 'hash', 60_000);
      expect(await store.tryUpsertFew(venueId, [{ sourceId: 'a', name: 'One' }], claim)).toEqual(['created']);
      // What others can see of the load by now must be as durable as what its caller is told.
      const isAnswered = round % 2 === 0;
      if (isAnswered)
        await keys.complete(
          ref,
          { status: 200, headers: {}, body: '{}' },
          {
            ...{ id: uuidv7(), venueId, actor: 'alice', action: 'records.loaded', targetType: 'customers' },
            ...{ targetId: venueId, outcome: 'ok', requestId: null, details: { received: 1 } },
          },
        );
      process.kill(server!.pid, 'SIGKILL');
      await server!.exited;
      await db.$client.end({ timeout: 0 });

      ({ url } = await start());
      const admin = postgres(url, { max: 1, onnotice: quiet });
      const [left] = await admin`
        select (select count(*)::int from customers where venue_id = ${venueId}) as records,
          (select count(*)::int from audit_log where venue_id = ${venueId} and action = 'records.loaded') as audits,
          (select count(*)::int from idempotency_keys) as claims,
          (select count(*)::int from idempotency_keys where status is not null) as answers`;
      expect(left).toEqual({
        ...{ records: 1, audits: isAnswered ? 1 : 0 },
        ...{ claims: round, answers: Math.floor(round / 2) },
      });
      await admin.end();
    }
  }, 120_000);
});
