import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import { createWebhookEndpointStore } from '../../../db/webhooks/webhook-endpoint-store.ts';
import type { RegistrationOutcome } from '../../../db/webhooks/webhook-endpoint-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('a registration that succeeds while it is given up stays registered, and one that is made anew may fail', async () => {
  const store = createWebhookEndpointStore(database.db);
  const connection = await aConnection(database.db, await aVenue(database.db));
  const ref = { venueId: connection.venueId, connectionId: connection.id };
  const entry: AuditEntry = {
    ...{ venueId: ref.venueId, actor: 'test', action: 'connection.webhook-registered', targetType: 'connection' },
    ...{ targetId: ref.connectionId, outcome: 'ok', requestId: null },
  };
  const begin = async () => {
    const digest = randomBytes(32);
    await store.setPath(ref, { digest, previousHours: 1, registers: true }, entry);
    return (outcome: RegistrationOutcome, more: { readonly onlyPending?: true } = {}) =>
      store.noteRegistration(ref, { digest, outcome, ...more }, entry);
  };
  const registered = { state: 'registered', remoteWebhookId: randomUUID() } as const;
  const failed = { state: 'failed', code: 'workflow-ended' } as const;
  const givenUp = { onlyPending: true } as const;

  const first = await begin();
  expect([await first(registered), await first(failed, givenUp)]).toEqual([true, false]);
  expect(await store.find(ref)).toMatchObject({ registration: 'registered', registrationCode: null });

  const second = await begin();
  expect([await second(failed, givenUp), await second(failed, givenUp)]).toEqual([true, false]);
  expect([await second(registered), await second(failed)]).toEqual([true, true]);
  expect(await store.find(ref)).toMatchObject({ registration: 'failed', registrationCode: 'workflow-ended' });
});
