import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FAILURE } from '../../contracts/failures.ts';
import type { SubscriptionId } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { secretTarget } from '../../db/connections/secret-rotation-store.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { currentKeyOf, wrappingKeyOf } from '../../vault/wrapping-key.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aLocalKey, createRotationWorld, localKeyring } from './rotation-world.ts';
import { vaultErrorOf } from './seal-contexts.ts';

type World = Awaited<ReturnType<typeof createRotationWorld>>;

let world: World;
beforeAll(async () => {
  world = await createRotationWorld();
});
afterAll(() => world.database.drop());
afterEach(async () => {
  await world.admin`truncate admin_jobs, audit_log, venues cascade`;
});

const [OLD, NEW] = [aLocalKey(), aLocalKey()];
const old = localKeyring(OLD);
/** The keyrings with which processes are deployed during a rotation. */
const both = localKeyring(NEW, OLD);
const onlyNew = localKeyring(NEW);
const keyOf = (keyring: KeyringConfig) => currentKeyOf(createSealer(keyring));

describe('a rotation', () => {
  it('reseals every secret of every venue under the new key, after which the old key opens nothing', async () => {
    const venueId = await world.aVenue();
    const secrets = [
      await world.aSecret(old, { venueId, text: 'one' }),
      await world.aSecret(old, { venueId, text: 'two' }),
      await world.aSecret(old, { purpose: 'provider-oauth-tokens', text: 'three' }),
      await world.aSecret(both, { text: 'four' }),
    ];
    const job = await world.rotate(both);
    expect(job).toMatchObject({
      phase: 'finished',
      outcome: 'completed',
      resealed: 3,
      unreadableInPass: 0,
      pass: 2,
      venuesDone: 3,
      venuesTotal: 3,
    });
    expect(await Promise.all(secrets.map((ref) => world.open(onlyNew, ref)))).toEqual(['one', 'two', 'three', 'four']);
    for (const ref of secrets)
      expect((await vaultErrorOf(createOpener(old).open(await world.stored(ref), ref))).kind).toBe('cannot-open');
  });

  it('reseals the secrets that sign outgoing webhooks, each of a subscription’s', async () => {
    const ref = { venueId: await world.aVenue(), subscriptionId: uuidv7() as SubscriptionId };
    const context = { ...ref, purpose: 'webhook-signing-secret' } as const;
    await world.admin`insert into subscriptions (id, venue_id, url) values (${ref.subscriptionId}, ${ref.venueId}, 'https://a.example/')`;
    for (const text of ['whsec_1', 'whsec_2']) {
      const sealed = Buffer.from(await createSealer(old).seal(new Secret(text), context));
      await world.admin`
        insert into subscription_secrets (id, venue_id, subscription_id, sealed_secret)
        values (${uuidv7()}, ${ref.venueId}, ${ref.subscriptionId}, ${sealed})`;
    }
    expect(await world.rotate(both)).toMatchObject({ outcome: 'completed', resealed: 2, unreadableInPass: 0 });
    const rows = await world.admin<
      { sealed: Buffer }[]
    >`select sealed_secret as sealed from subscription_secrets order by id`;
    const opened = rows.map(async ({ sealed }) =>
      (await createOpener(onlyNew).open(new Uint8Array(sealed) as SealedSecret, context)).expose(),
    );
    expect(await Promise.all(opened)).toEqual(['whsec_1', 'whsec_2']);
    const targets =
      await world.admin`select distinct target_type, target_id from audit_log where action = 'credentials.resealed'`;
    expect([...targets]).toEqual([{ target_type: 'subscription', target_id: ref.subscriptionId }]);
  });

  it('writes an audit event for each secret, without its content', async () => {
    const ref = await world.aSecret(old);
    const { id } = await world.rotate(both);
    const rows = await world.admin`select venue_id, actor, action, target_id, outcome, details from audit_log`;
    expect([...rows]).toEqual([
      {
        venue_id: ref.venueId,
        actor: 'rotateVaultKeys',
        action: 'credentials.resealed',
        target_id: ref.connectionId,
        outcome: 'ok',
        details: { jobId: id, purpose: 'provider-api-key' },
      },
    ]);
  });

  it('keeps the generation, because the credentials are unchanged', async () => {
    const ref = await world.aSecret(old);
    const before = await world.connections.findApiKey(ref);
    await world.rotate(both);
    expect((await world.connections.findApiKey(ref))?.generation).toBe(before?.generation);
  });

  it('does nothing the second time', async () => {
    const ref = await world.aSecret(old);
    await world.rotate(both);
    const sealed = await world.stored(ref);
    expect(await world.rotate(both)).toMatchObject({ resealed: 0, pass: 1, outcome: 'completed' });
    expect(Buffer.from(await world.stored(ref)).equals(sealed)).toBe(true);
  });

  it('never holds more than a page of a venue’s secrets, and skips none between pages', async () => {
    const venueId = await world.aVenue();
    for (let index = 0; index < 65; index += 1)
      await world.aSecret(old, { venueId, purpose: index < 60 ? 'provider-api-key' : 'provider-oauth-tokens' });
    const listSecrets = vi.spyOn(world.rotations, 'listSecrets');
    expect(await world.rotate(both)).toMatchObject({ outcome: 'completed', resealed: 65 });
    const pages = await Promise.all(listSecrets.mock.results.map(({ value }) => value as Promise<readonly unknown[]>));
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(50);
  });

  it('becomes one job when started twice', async () => {
    const [first, second] = await Promise.all([world.openJob(both), world.openJob(both)]);
    expect(first).toBe(second);
    expect((await world.rotations.find(first))?.phase).toBe('queued');
  });

  it('resumes after the last page and does not repeat finished ones', async () => {
    for (let venue = 0; venue < 101; venue += 1) await world.aVenue();
    const last = await world.aSecret(old);
    const jobId = await world.openJob(both);
    // A chunk without time returns after its first page of venues.
    expect(await world.activities(both, 0).chunk(jobId)).toMatchObject({
      status: 'more',
      venuesDone: 100,
      resealed: 0,
    });
    expect(await world.activities(both).chunk(jobId)).toMatchObject({ status: 'pass-ended', resealed: 1 });
    expect(await world.activities(both).chunk(jobId)).toMatchObject({ status: 'done', resealed: 1, venuesDone: 102 });
    expect(await world.open(onlyNew, last)).toBe('sk_test_canary_4242');
  });

  it('counts every secret once when two attempts overlap, as after a lost heartbeat', async () => {
    const refs = await Promise.all(Array.from({ length: 20 }, () => world.aSecret(old)));
    const jobId = await world.openJob(both);
    await Promise.all([world.activities(both).chunk(jobId), world.activities(both).chunk(jobId)]);
    while ((await world.activities(both).chunk(jobId)).status !== 'done');
    expect((await world.rotations.find(jobId))?.resealed).toBe(20);
    const [{ count } = { count: 0 }] = await world.admin<
      { count: number }[]
    >`select count(*)::int from audit_log where action = 'credentials.resealed'`;
    expect(count).toBe(20);
    for (const ref of refs) expect(await world.open(onlyNew, ref)).toBe('sk_test_canary_4242');
  });

  it('never overwrites a key entered concurrently, and checks it again', async () => {
    const ref = await world.aSecret(old, { text: 'entered before' });
    const jobId = await world.openJob(both);
    const before = await world.stored(ref);
    const entered = await createSealer(old).seal(new Secret('entered meanwhile'), ref);
    await world.admin`update venue_api_keys set sealed_key = ${Buffer.from(entered)}, generation = generation + 1 where connection_id = ${ref.connectionId}`;
    await world.rotations.begin(jobId);
    await world.rotations.replace({ id: jobId }, ref.venueId, [
      {
        ...ref,
        key: ref.connectionId,
        sealed: before,
        resealed: await createSealer(both).seal(new Secret('entered before'), ref),
      },
    ]);
    expect(await world.open(both, ref)).toBe('entered meanwhile');
    expect(await world.rotations.find(jobId)).toMatchObject({ resealed: 0, resealedInPass: 1 });
    while ((await world.activities(both).chunk(jobId)).status !== 'done');
    expect(await world.open(onlyNew, ref)).toBe('entered meanwhile');
  });

  it('skips secrets that cannot be opened, reports them, and fails in the audit log', async () => {
    const [moved, lost, fine] = [
      await world.aSecret(old),
      await world.aSecret(localKeyring(aLocalKey())),
      await world.aSecret(old),
    ];
    const elsewhere = await world.aSecret(old);
    await world.admin`update venue_api_keys set sealed_key = (select sealed_key from venue_api_keys where connection_id = ${elsewhere.connectionId}) where connection_id = ${moved.connectionId}`;
    const kept = await world.stored(moved);
    const job = await world.rotate(both);
    expect(job).toMatchObject({ outcome: 'completed', resealed: 2, unreadableInPass: 2 });
    expect(job.unreadable.map((secret) => secretTarget(secret).targetId).sort()).toEqual(
      [moved.connectionId, lost.connectionId].sort(),
    );
    expect(await world.open(onlyNew, fine)).toBe('sk_test_canary_4242');
    expect(Buffer.from(await world.stored(moved)).equals(kept)).toBe(true);
    const failed = await world.admin`select target_id from audit_log where outcome = 'failed' order by 1`;
    expect(failed.map(({ target_id: id }) => id as string)).toEqual([moved.connectionId, lost.connectionId].sort());
  });

  it('is rejected without changes by a worker with another current key', async () => {
    const ref = await world.aSecret(old);
    const sealed = await world.stored(ref);
    const jobId = await world.openJob(both);
    await expect(world.activities(localKeyring(OLD, NEW)).chunk(jobId)).rejects.toMatchObject({
      type: FAILURE.otherKey,
      nonRetryable: false,
    });
    expect(Buffer.from(await world.stored(ref)).equals(sealed)).toBe(true);
  });

  it('keeps finished work when cancelled, stops its running attempts, and leaves the rest to another job', async () => {
    await world.aSecret(old);
    const jobId = await world.openJob(both);
    await world.activities(both).chunk(jobId);
    await world.activities(both).finish(jobId, 'cancelled');
    await expect(world.activities(both).chunk(jobId)).rejects.toMatchObject({
      type: FAILURE.runUnavailable,
      nonRetryable: true,
    });
    expect(await world.openJob(both)).not.toBe(jobId);
  });

  it('never makes an open fail, with processes deployed in any order that the runbook allows', async () => {
    const refs = await Promise.all(Array.from({ length: 30 }, () => world.aSecret(old)));
    // Every deployed process knows both keys, before and after the switch of the current key.
    const openers = [createOpener(localKeyring(OLD, NEW)), createOpener(both)];
    let rotating = true;
    let opens = 0;
    const load = openers.map(async (opener) => {
      while (rotating) {
        for (const ref of refs) {
          expect((await opener.open(await world.stored(ref), ref)).expose()).toBe('sk_test_canary_4242');
          opens += 1;
        }
      }
    });
    const job = await world.rotate(both).finally(() => {
      rotating = false;
    });
    await Promise.all(load);
    expect(job.resealed).toBe(30);
    expect(opens).toBeGreaterThan(60);
  });

  it('sends heartbeats of counts only, without secrets or venues', async () => {
    await world.aSecret(old);
    const beats: unknown[] = [];
    const stage = new MockActivityEnvironment();
    stage.on('heartbeat', (details: unknown) => beats.push(details));
    await world.activities(both).chunk(await world.openJob(both), stage);
    expect(beats.length).toBeGreaterThan(0);
    expect(Object.values(beats.at(-1) as object).every((value) => typeof value === 'number')).toBe(true);
  });
});

describe('a rotation under KMS', () => {
  it('waits while the key service is down, then resumes, with nothing half done', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
    const kms = await startKmsServer();
    const keyring: KeyringConfig = { kind: 'kms', keyId: kms.keyArn, region: 'eu-central-1', endpoint: kms.endpoint };
    const ref = await world.aSecret(keyring);
    const jobId = await world.openJob(keyring);
    kms.fail({ kind: 'error', status: 400, code: 'DisabledException' });
    await expect(world.activities(keyring).chunk(jobId)).rejects.toMatchObject({
      type: FAILURE.keyServiceUnavailable,
      nonRetryable: false,
    });
    kms.fail(null);
    expect(await world.activities(keyring).chunk(jobId)).toMatchObject({ status: 'done', resealed: 0 });
    expect(await world.open(keyring, ref)).toBe('sk_test_canary_4242');
    await kms.stop();
    vi.unstubAllEnvs();
  });
});

describe('the name of the wrapping key', () => {
  it('is readable without any key', async () => {
    const ref = await world.aSecret(old);
    expect(await wrappingKeyOf(await world.stored(ref))).toBe(await keyOf(old));
    expect(await keyOf(old)).not.toBe(await keyOf(both));
  });

  it.each([
    ['empty', new Uint8Array()],
    ['not a message', Buffer.from('U2FsdGVkX18=')],
  ])('is unknown for bytes that are %s', async (_what, bytes) => {
    expect(await wrappingKeyOf(bytes as Uint8Array as SealedSecret)).toBeNull();
  });
});
