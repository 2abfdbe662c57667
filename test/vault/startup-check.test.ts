import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { KeyAccessError, checkKeyAccess } from '../../vault/startup-check.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aLocalKeyring } from './seal-contexts.ts';

const quick = { kms: { connectTimeoutMs: 500, requestTimeoutMs: 500, maxAttempts: 1 } };

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

describe('at start-up', () => {
  it('a worker seals and opens, and so proves both rights', async () => {
    expect(await checkWorker()).toEqual({ state: 'ready', keyName: kms.keyArn });
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['GenerateDataKey', 'Decrypt']);
  });

  it('the api seals and asks for no right to open', async () => {
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
  ])('%s stops a worker with what to change, and nothing of the key', async (code, message) => {
    kms.fail({ kind: 'error', status: 400, code });
    const error: unknown = await checkWorker().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KeyAccessError);
    expect((error as KeyAccessError).message).toMatch(message);
    expect((error as KeyAccessError).message).not.toContain(kms.keyUuid);
  });

  it('the api is told the one right that it needs', async () => {
    kms.fail({ kind: 'error', status: 400, code: 'AccessDeniedException' });
    await expect(checkApi()).rejects.toThrow(/allow it kms:GenerateDataKey in the key policy/);
  });

  it.each([
    ['ThrottlingException', 400],
    ['KMSInternalException', 500],
    ['DependencyTimeoutException', 500],
  ])('%s stops nobody: it passes by itself', async (code, status) => {
    kms.fail({ kind: 'error', status, code });
    expect(await checkWorker()).toEqual({ state: 'unavailable', code });
  });

  it('a key service that is away stops nobody', async () => {
    await kms.stop();
    expect(await checkWorker()).toEqual({ state: 'unavailable', code: 'ECONNREFUSED' });
  });

  it('a local key is ready', async () => {
    const keyring = aLocalKeyring();
    expect(await checkKeyAccess(createSealer(keyring), createOpener(keyring))).toMatchObject({
      state: 'ready',
      keyName: expect.stringMatching(/^key-[0-9a-f]{16}$/) as string,
    });
  });
});
