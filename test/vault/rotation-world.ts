import { randomBytes } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { createKeyRotationActivities } from '../../activities/vault/key-rotation.ts';
import type { ConnectionId, JobId, VenueId } from '../../contracts/ids.ts';
import type { RotationChunkResult, SealedSecret, ConnectionSecretRef } from '../../contracts/vault.ts';
import { createAuditStore } from '../../db/core/audit-store.ts';
import { createConnectionStore } from '../../db/connections/connection-store.ts';
import { createSecretRotationStore } from '../../db/connections/secret-rotation-store.ts';
import { createVenueStore } from '../../db/core/venue-store.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createResealer } from '../../vault/resealer.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { currentKeyOf } from '../../vault/wrapping-key.ts';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';
import { createTestDatabase } from '../support/services/database.ts';

export const aLocalKey = (): Secret => new Secret(randomBytes(32).toString('base64'));
export const localKeyring = (key: Secret, ...otherKeys: Secret[]): KeyringConfig => ({ kind: 'local', key, otherKeys });

/** A database with stored secrets and the activities that reseal them under another key, without Temporal. */
export async function createRotationWorld() {
  const database = await createTestDatabase();
  const { db, admin } = database;
  const audit = createAuditStore(db);
  const venues = createVenueStore(db);
  const connections = createConnectionStore(db);
  const rotations = createSecretRotationStore(db, audit);
  const log = createLogger({ name: 'test', level: 'fatal' });

  async function aVenue(): Promise<VenueId> {
    const venue = await venues.create({ sourceId: null, name: 'A venue', timeZone: 'UTC', currency: 'EUR' });
    if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
    return venue.id;
  }

  /** A connection whose secret is sealed as a process with this keyring would seal it. */
  async function aSecret(
    keyring: KeyringConfig,
    {
      venueId,
      purpose = 'provider-api-key',
      text = 'sk_test_canary_4242',
    }: { venueId?: VenueId; purpose?: ConnectionSecretRef['purpose']; text?: string } = {},
  ): Promise<ConnectionSecretRef> {
    const ref = { venueId: venueId ?? (await aVenue()), connectionId: uuidv7() as ConnectionId };
    const seal = (as: ConnectionSecretRef['purpose']) =>
      createSealer(keyring).seal(new Secret(text), { ...ref, purpose: as });
    const account = { id: `acct_${randomBytes(6).toString('hex')}`, name: null };
    await connections.saveWithApiKey({
      ...ref,
      provider: 'stripe',
      environment: 'sandbox',
      account,
      scopes: [],
      sealedKey: await seal('provider-api-key'),
    });
    if (purpose === 'provider-oauth-tokens') {
      await admin`delete from venue_api_keys where connection_id = ${ref.connectionId}`;
      await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from(await seal(purpose))})`;
    }
    return { ...ref, purpose };
  }

  async function stored({ connectionId, purpose }: ConnectionSecretRef): Promise<SealedSecret> {
    const [row] =
      purpose === 'provider-api-key'
        ? await admin<
            { sealed: Buffer }[]
          >`select sealed_key as sealed from venue_api_keys where connection_id = ${connectionId}`
        : await admin<
            { sealed: Buffer }[]
          >`select sealed_tokens as sealed from oauth_tokens where connection_id = ${connectionId}`;
    return new Uint8Array(row!.sealed) as SealedSecret;
  }

  const open = async (keyring: KeyringConfig, ref: ConnectionSecretRef): Promise<string> =>
    (await createOpener(keyring).open(await stored(ref), ref)).expose();

  function activities(keyring: KeyringConfig, chunkMs = 60_000) {
    const made = createKeyRotationActivities({ rotations, resealer: createResealer(keyring), audit, log, chunkMs });
    const stage = () => new MockActivityEnvironment({}, { logger: createTemporalLogger(log) });
    return {
      begin: (jobId: JobId) => stage().run(made.beginKeyRotation, { jobId }),
      chunk: (jobId: JobId, environment = stage()): Promise<RotationChunkResult> =>
        environment.run(made.rotateKeysChunk, { jobId }),
      finish: (jobId: JobId, end: 'completed' | 'cancelled' = 'completed') =>
        stage().run(made.finishKeyRotation, { jobId, end, errorType: null }),
    };
  }

  const openJob = async (keyring: KeyringConfig) =>
    (await rotations.openOrJoin({ targetKey: await currentKeyOf(createSealer(keyring)), requestedBy: 'test' })).id;

  /** Runs a whole rotation, chunk by chunk. */
  async function rotate(keyring: KeyringConfig, chunkMs?: number) {
    const jobId = await openJob(keyring);
    const { chunk, finish } = activities(keyring, chunkMs);
    while ((await chunk(jobId)).status !== 'done');
    await finish(jobId);
    return (await rotations.find(jobId))!;
  }

  return { database, admin, rotations, connections, aVenue, aSecret, stored, open, activities, openJob, rotate };
}
