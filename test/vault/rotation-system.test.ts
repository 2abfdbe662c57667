import { afterAll, beforeAll, expect, it } from 'vitest';
import type { z } from 'zod';
import type { jobAnswer } from '../../api/schemas/job.ts';
import { rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import type { ConnectionId, JobId, VenueId } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { until } from '../support/eventually.ts';
import { textOf } from '../support/history.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { aLocalKey, localKeyring } from './rotation-world.ts';

type JobBody = z.output<typeof jobAnswer>;

const [OLD, NEW] = [aLocalKey(), aLocalKey()];

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { ENCRYPTION_KEY: NEW.expose(), OTHER_ENCRYPTION_KEYS: OLD.expose() } });
}, 180_000);
afterAll(() => system.stop());

/** A connection whose key was sealed before the new wrapping key was deployed. */
async function aVenueOfBefore() {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  const connectionId = (await system.api.connect(venueId, account.secretKey)).id;
  const ref = {
    venueId: venueId as VenueId,
    connectionId: connectionId as ConnectionId,
    purpose: 'provider-api-key',
  } as const;
  const sealed = await createSealer(localKeyring(OLD)).seal(new Secret(account.secretKey), ref);
  await system.database`update venue_api_keys set sealed_key = ${Buffer.from(sealed)} where connection_id = ${connectionId}`;
  return { ref, account };
}

const jobOf = async (id: string): Promise<JobBody> => (await system.api.ask(`/v1/admin/jobs/${id}`)).body as JobBody;

it('an administrator’s rotation during syncs fails none, runs one job for two start calls, and keeps secrets out of its history', async () => {
  const venues = await Promise.all(Array.from({ length: 3 }, () => aVenueOfBefore()));
  const syncs = venues.map(async ({ ref: { venueId, connectionId }, account }) => {
    await account.seed(30);
    const { id } = await system.api.start(venueId, { connectionId, direction: 'pull' });
    return system.api.finished(venueId, id, 90_000);
  });
  const started = await Promise.all([
    system.api.tryPost('/v1/admin/keys/rotate', {}),
    system.api.tryPost('/v1/admin/keys/rotate', {}),
  ]);
  expect(started.map(({ status }) => status)).toEqual([202, 202]);
  const [id, again] = started.map(({ body }) => (body as JobBody).id);
  expect(again).toBe(id);
  const job = await until(
    async () => {
      const now = await jobOf(id!);
      return now.finishedAt !== null && now;
    },
    { limitMs: 60_000, what: 'the rotation has ended', everyMs: 200 },
  );
  expect(job).toMatchObject({
    kind: 'rotate-vault-keys',
    outcome: 'completed',
    progress: { resealed: 3, unreadable: 0, pass: 2 },
    unreadable: [],
  });
  expect((await Promise.all(syncs)).map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);

  const handle = system.temporal.workflow.getHandle(rotateVaultKeysWorkflowId(id as JobId));
  expect(await handle.result()).toMatchObject({ resealed: 3 });
  const history = textOf(await handle.fetchHistory());
  for (const { ref, account } of venues) {
    for (const text of [account.secretKey, ref.venueId, ref.connectionId]) expect(history).not.toContain(text);
    const [row] = await system.database<
      { sealed: Buffer }[]
    >`select sealed_key as sealed from venue_api_keys where connection_id = ${ref.connectionId}`;
    expect(
      (await createOpener(localKeyring(NEW)).open(new Uint8Array(row!.sealed) as SealedSecret, ref)).expose(),
    ).toBe(account.secretKey);
  }
}, 180_000);
