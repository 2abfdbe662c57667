import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SealContext, SealedSecret } from '../../contracts/vault.ts';
import type { KeyringConfig } from '../../vault/keyring.ts';
import type { VaultOptions } from '../../vault/materials.ts';
import { createOpener } from '../../vault/opener.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aContext, vaultErrorOf } from './seal-contexts.ts';

const SECRET = 'sk_test_canary_4242';

let kms: Awaited<ReturnType<typeof startKmsServer>>;
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
  kms = await startKmsServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
  await kms.stop();
});

const aKeyring = (keyId = kms.keyArn): KeyringConfig => ({
  kind: 'kms',
  keyId,
  region: 'eu-central-1',
  endpoint: kms.endpoint,
});
/** A busy machine takes seconds for some answers, and a call that is repeated would be counted twice. */
const PATIENT = { requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 } as const;
const anOpener = (options: VaultOptions = {}) => createOpener(aKeyring(), { kms: PATIENT, ...options });
const seal = (context: SealContext): Promise<SealedSecret> =>
  createSealer(aKeyring(), { kms: PATIENT }).seal(new Secret(SECRET), context);

describe('a vault with a KMS key', () => {
  it.each(['arn', 'id', 'alias'])('opens a secret to what was sealed, with the key named by its %s', async (form) => {
    const keyring = aKeyring({ arn: kms.keyArn, id: kms.keyUuid, alias: 'alias/interlock' }[form]);
    const context = aContext();
    const sealed = await createSealer(keyring).seal(new Secret(SECRET), context);
    expect((await createOpener(keyring).open(sealed, context)).expose()).toBe(SECRET);
  });

  it('sends venue, connection and purpose to the key service, which binds and audits them', async () => {
    const context = aContext();
    await anOpener().open(await seal(context), context);
    const bound = { venue: context.venueId, connection: context.connectionId, purpose: 'provider-api-key' };
    expect(kms.calls).toEqual([
      { operation: 'GenerateDataKey', context: bound },
      { operation: 'Decrypt', context: bound },
    ]);
  });

  it('cannot open a secret moved to another venue', async () => {
    const context = aContext();
    const sealed = await seal(context);
    const opener = anOpener();
    expect((await vaultErrorOf(opener.open(sealed, aContext()))).kind).toBe('cannot-open');
    expect((await opener.open(sealed, context)).expose()).toBe(SECRET);
  });

  it('cannot open a secret whose wrapped data key is damaged, and distinguishes that from an outage', async () => {
    const context = aContext();
    const sealed = await seal(context);
    const wrappedKeyAt = Buffer.from(sealed).indexOf(kms.keyArn) + kms.keyArn.length + 10;
    const damaged = Uint8Array.from(sealed);
    damaged[wrappedKeyAt]! ^= 1;
    expect(await vaultErrorOf(anOpener().open(damaged as SealedSecret, context))).toMatchObject({
      kind: 'cannot-open',
      code: 'InvalidCiphertextException',
    });
  });

  it('does not let a message that names another key choose which key is asked', async () => {
    const context = aContext();
    const sealed = Buffer.from(await seal(context));
    const damaged = Buffer.from(sealed);
    damaged.write('us-gov-east1', sealed.indexOf('eu-central-1'));
    expect((await vaultErrorOf(anOpener().open(new Uint8Array(damaged) as SealedSecret, context))).kind).toBe(
      'cannot-open',
    );
  });
});

describe('a call to the key service', () => {
  it('is made once for 1,000 concurrent opens of one uncached secret', async () => {
    const context = aContext();
    const sealed = await seal(context);
    const opener = anOpener();
    const opened = await Promise.all(Array.from({ length: 1_000 }, () => opener.open(sealed, context)));
    expect(opened.every((secret) => secret.expose() === SECRET)).toBe(true);
    expect(kms.count('Decrypt')).toBe(1);
  });

  it('is made once for each secret, however often each is opened', async () => {
    const contexts = Array.from({ length: 20 }, () => aContext());
    const sealed = await Promise.all(contexts.map(seal));
    const opener = anOpener();
    for (let round = 0; round < 20; round++)
      await Promise.all(contexts.map((context, index) => opener.open(sealed[index]!, context)));
    expect(kms.count('Decrypt')).toBe(20);
  });

  it('is made once for many seals of one context, and again after the maximum number of messages', async () => {
    const sealer = createSealer(aKeyring(), { kms: PATIENT, dataKeys: { maxMessages: 10 } });
    const context = aContext();
    for (let round = 0; round < 15; round++) await sealer.seal(new Secret(SECRET), context);
    expect(kms.count('GenerateDataKey')).toBe(2);
  });

  it('is repeated when a data key has reached its maximum age', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const context = aContext();
    const sealed = await seal(context);
    const opener = anOpener({ dataKeys: { maxAgeMs: 60_000 } });
    await opener.open(sealed, context);
    vi.setSystemTime(1_059_000);
    await opener.open(sealed, context);
    expect(kms.count('Decrypt')).toBe(1);
    vi.setSystemTime(1_061_000);
    await opener.open(sealed, context);
    expect(kms.count('Decrypt')).toBe(2);
  });

  it('is never a Decrypt by a sealer, nor a GenerateDataKey by an opener', async () => {
    const context = aContext();
    await seal(context);
    expect(kms.count('Decrypt')).toBe(0);
    await vaultErrorOf(anOpener().open(new Uint8Array(600) as SealedSecret, context));
    expect(kms.count('GenerateDataKey')).toBe(1);
  });
});

describe('a vault whose KMS is down', () => {
  const quick: VaultOptions = { kms: { maxAttempts: 2, ...PATIENT } };
  const impatient: VaultOptions = { kms: { maxAttempts: 2, requestTimeoutMs: 200, connectTimeoutMs: 200 } };

  it('still opens a cached secret, but not an uncached one', async () => {
    const [warm, cold] = [aContext(), aContext()];
    const [sealedWarm, sealedCold] = [await seal(warm), await seal(cold)];
    const opener = anOpener(quick);
    await opener.open(sealedWarm, warm);
    await kms.stop();
    expect((await opener.open(sealedWarm, warm)).expose()).toBe(SECRET);
    expect(await vaultErrorOf(opener.open(sealedCold, cold))).toMatchObject({
      kind: 'key-service-unavailable',
      code: 'ECONNREFUSED',
    });
  });

  it('no longer opens a cached secret after the maximum age', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const context = aContext();
    const sealed = await seal(context);
    const opener = anOpener({ ...quick, dataKeys: { maxAgeMs: 60_000 } });
    await opener.open(sealed, context);
    await kms.stop();
    vi.setSystemTime(1_061_000);
    expect((await vaultErrorOf(opener.open(sealed, context))).kind).toBe('key-service-unavailable');
  });

  it('fails 1,000 callers of one uncached secret after the attempts of one call, and recovers with the next call', async () => {
    const context = aContext();
    const sealed = await seal(context);
    const opener = anOpener(quick);
    kms.fail({ kind: 'error', status: 500, code: 'KMSInternalException' });
    const errors = await Promise.all(Array.from({ length: 1_000 }, () => vaultErrorOf(opener.open(sealed, context))));
    expect(new Set(errors.map(({ kind, code }) => `${kind} ${String(code)}`))).toEqual(
      new Set(['key-service-unavailable KMSInternalException']),
    );
    expect(kms.count('Decrypt')).toBe(2);
    kms.fail(null);
    expect((await opener.open(sealed, context)).expose()).toBe(SECRET);
  });

  it.each([
    'ThrottlingException',
    'AccessDeniedException',
    'DisabledException',
    'NotFoundException',
    'KMSInvalidStateException',
  ])('does not mistake %s for a damaged secret', async (code) => {
    const context = aContext();
    const sealed = await seal(context);
    kms.fail({ kind: 'error', status: 400, code });
    expect(await vaultErrorOf(anOpener(quick).open(sealed, context))).toMatchObject({
      kind: 'key-service-unavailable',
      code,
    });
  });

  it('cannot seal', async () => {
    kms.fail({ kind: 'error', status: 400, code: 'DisabledException' });
    const sealing = createSealer(aKeyring(), quick).seal(new Secret(SECRET), aContext());
    expect(await vaultErrorOf(sealing)).toMatchObject({ kind: 'key-service-unavailable', code: 'DisabledException' });
  });

  it('gives up on a silent key service at the timeout', async () => {
    const context = aContext();
    const sealed = await seal(context);
    kms.fail({ kind: 'silence' });
    expect((await vaultErrorOf(anOpener(impatient).open(sealed, context))).kind).toBe('key-service-unavailable');
  });

  it('fails on an answer that KMS would not send', async () => {
    const context = aContext();
    const sealed = await seal(context);
    const garbage = createServer((socket) =>
      socket
        .on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{]}'))
        .on('error', () => undefined),
    );
    await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve));
    const address = garbage.address();
    const endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const opener = createOpener({ kind: 'kms', keyId: kms.keyArn, region: 'eu-central-1', endpoint }, quick);
    expect((await vaultErrorOf(opener.open(sealed, context))).kind).toBe('key-service-unavailable');
    garbage.close();
  });

  it('throws an error with a code and without the key, the secret or the answer', async () => {
    const context = aContext();
    const sealed = await seal(context);
    kms.fail({ kind: 'error', status: 400, code: 'DisabledException' });
    const error = await vaultErrorOf(anOpener(quick).open(sealed, context));
    const printed = inspect(error, { depth: null, showHidden: true });
    expect(error.cause).toBeUndefined();
    for (const secret of [SECRET, kms.keyArn, 'as the test asked', 'not-a-real-secret'])
      expect(printed).not.toContain(secret);
  });
});
