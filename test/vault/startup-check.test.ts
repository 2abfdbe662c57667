import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { KeyAccessError, checkKeyAccess } from '../../vault/startup-check.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aLocalKeyring } from './seal-contexts.ts';

const quick = { kms: { connectTimeoutMs: 5_000, requestTimeoutMs: 5_000, maxAttempts: 1 } };

let kms: Awaited<ReturnType<typeof startKmsServer>>;
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
  kms = await startKmsServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await kms.stop();
});

const aKeyring = (): KeyringConfig => ({
  kind: 'kms',
  keyId: kms.keyUuid,
  region: 'eu-central-1',
  endpoint: kms.endpoint,
});
const checkApi = () => checkKeyAccess(createSealer(aKeyring(), quick));
const checkWorker = () => checkKeyAccess(createSealer(aKeyring(), quick), createOpener(aKeyring(), quick));

describe('the startup check', () => {
  it('seals and opens for a worker, which verifies both permissions', async () => {
    expect(await checkWorker()).toEqual({ state: 'ready', keyName: kms.keyArn });
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['GenerateDataKey', 'Decrypt']);
  });

  it('only seals for the api, and requires no permission to open', async () => {
    expect(await checkApi()).toEqual({ state: 'ready', keyName: kms.keyArn });
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['GenerateDataKey']);
  });

  it.each([
    ['AccessDeniedException', /allow it kms:GenerateDataKey and kms:Decrypt in the key policy/],
    ['NotFoundException', /knows no key AWS_KMS_KEY_ID in the region AWS_REGION/],
    ['DisabledException', /is disabled: enable it/],
    ['KMSInvalidStateException', /pending deletion/],
    ['UnrecognizedClientException', /does not know the access key/],
    ['ExpiredTokenException', /has expired/],
  ])('stops a worker on %s with the remedy and without the key', async (code, message) => {
    kms.fail({ kind: 'error', status: 400, code });
    const error: unknown = await checkWorker().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KeyAccessError);
    expect((error as KeyAccessError).message).toMatch(message);
    expect((error as KeyAccessError).message).not.toContain(kms.keyUuid);
  });

  it('names for the api the single permission that it needs', async () => {
    kms.fail({ kind: 'error', status: 400, code: 'AccessDeniedException' });
    await expect(checkApi()).rejects.toThrow(/allow it kms:GenerateDataKey in the key policy/);
  });

  it.each([
    ['ThrottlingException', 400],
    ['KMSInternalException', 500],
    ['DependencyTimeoutException', 500],
  ])('stops no process on %s, which is temporary', async (code, status) => {
    kms.fail({ kind: 'error', status, code });
    expect(await checkWorker()).toEqual({ state: 'unavailable', code });
  });

  it('stops no process when the key service is down', async () => {
    await kms.stop();
    expect(await checkWorker()).toEqual({ state: 'unavailable', code: 'ECONNREFUSED' });
  });

  it('finds a local key ready', async () => {
    const keyring = aLocalKeyring();
    expect(await checkKeyAccess(createSealer(keyring), createOpener(keyring))).toMatchObject({
      state: 'ready',
      keyName: expect.stringMatching(/^key-[0-9a-f]{16}$/) as string,
    });
  });
});
