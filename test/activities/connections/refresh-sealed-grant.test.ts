import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openGrant, sealGrant } from '../../../activities/connections/sealed-grant.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createSecretRotationStore } from '../../../db/connections/secret-rotation-store.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../../support/worlds/grant-world.ts';
import { textOf } from '../../support/history.ts';
import { startKmsServer } from '../../support/services/kms-server.ts';

const TOKEN = { path: '/oauth2/token' };

let kms: Awaited<ReturnType<typeof startKmsServer>>;
let world: GrantWorld;
beforeAll(async () => {
  kms = await startKmsServer();
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  world = await createGrantWorld({
    env: {
      MOCK_KMS: 'false',
      ENCRYPTION_KEY: undefined,
      AWS_KMS_KEY_ID: kms.keyArn,
      AWS_REGION: 'eu-central-1',
      AWS_KMS_ENDPOINT: kms.endpoint,
    },
  });
  await world.aWorker();
}, 120_000);
afterAll(async () => {
  await world.close();
  await kms.stop();
});
afterEach(async () => {
  kms.fail(null);
  await world.controls.square.clearFaults();
});

const outage = { kind: 'error', status: 500, code: 'KMSInternalException' } as const;

/** Waits until the provider has received the token request, which it answers slowly. */
const inFlight = (grant: TestGrant) =>
  expect.poll(async () => (await world.row(grant)).sentAt, { interval: 20 }).not.toBeNull();

// Uses Square's PKCE, whose refresh tokens work once, so that whatever is not stored is lost.
describe('an outage of the key service', () => {
  it('prevents a refresh from spending the token, and the refresh follows by itself afterwards', async () => {
    const grant = await world.aGrant('square', 'pkce');
    await world.expire(grant);
    kms.fail(outage);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'unavailable', generation: 1 });
    await expect
      .poll(() => world.row(grant))
      .toMatchObject({ state: 'degraded', cause: expect.stringContaining('key service') as string, sentAt: null });
    expect(await world.refreshCalls(grant)).toEqual([]);
    kms.fail(null);
    await expect.poll(() => world.row(grant), { timeout: 25_000 }).toMatchObject({ state: 'active', generation: 2 });
    expect(await world.works(grant)).toBe(true);
  }, 60_000);

  it('during a refresh loses no token, because its data key was obtained before', async () => {
    const grant = await world.aGrant('square', 'pkce');
    await world.expire(grant);
    await world.controls.square.fault({ kind: 'slow', delayMs: 1_500, times: 1, match: TOKEN });
    const answer = world.ensureFresh(grant);
    await inFlight(grant);
    kms.fail(outage);
    expect(await answer).toEqual({ status: 'fresh', generation: 2 });
    kms.fail(null);
    expect(await world.works(grant)).toBe(true);
  }, 30_000);
});

describe('a rotation of the vault’s key', () => {
  it('that reseals the token during a refresh neither undoes the refresh nor counts as another token', async () => {
    const grant = await world.aGrant('square', 'pkce');
    await world.expire(grant);
    const stored = (await world.tokens.find(grant))!;
    const resealed = await sealGrant(world.sealer, grant, await openGrant(world.vault, grant, stored));
    await world.controls.square.fault({ kind: 'slow', delayMs: 1_500, times: 1, match: TOKEN });
    const answer = world.ensureFresh(grant);
    await inFlight(grant);
    const rotations = createSecretRotationStore(world.database.db, createAuditStore(world.database.db));
    const job = await rotations.openOrJoin({ targetKey: 'another', requestedBy: 'a test' });
    await rotations.replace({ id: job.id }, grant.venueId, [
      { ...grant, key: grant.connectionId, purpose: 'provider-oauth-tokens', sealed: stored.sealedTokens, resealed },
    ]);
    expect(await answer).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.works(grant)).toBe(true);
  }, 30_000);
});

describe('the traces of a refresh', () => {
  it('contain no token, in the history, the audit log or the connection', async () => {
    const grant = await world.aGrant('square', 'pkce');
    const secrets: string[] = [];
    const keep = async () => {
      const { accessToken, refreshToken } = await openGrant(world.vault, grant, (await world.tokens.find(grant))!);
      secrets.push(accessToken.expose(), refreshToken!.expose());
    };
    await keep();
    await world.controls.square.fault({ kind: 'status', status: 500, times: 1, match: TOKEN });
    await world.ensureFresh(grant, { rejectedGeneration: 1 });
    await keep();
    await world.controls.square.revoke(grant.account);
    await world.ensureFresh(grant, { minValidMs: 100 * 86_400_000 });
    expect(await world.row(grant)).toMatchObject({ state: 'needs-reauth' });
    const history = textOf(await world.owner(grant).fetchHistory());
    const told = [history, JSON.stringify(await world.auditOf(grant)), JSON.stringify(await world.row(grant))].join(
      '\n',
    );

    // Also inside payloads.
    expect(history).toMatch(/refreshGrant[^]*"generation":1/);
    expect(new Set(secrets).size).toBe(4);
    for (const secret of secrets) expect(told).not.toContain(secret);
  }, 30_000);
});
