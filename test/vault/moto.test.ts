import { CancelKeyDeletionCommand, CreateAliasCommand, CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { createOpener } from '../../vault/opener.ts';
import { createResealer } from '../../vault/resealer.ts';
import { createSealer } from '../../vault/sealer.ts';
import { Secret } from '../../vault/secret.ts';
import { checkKeyAccess } from '../../vault/startup-check.ts';
import { wrappingKeyOf } from '../../vault/wrapping-key.ts';
import { findMoto, startMoto } from '../support/moto-server.ts';
import type { MotoServer } from '../support/moto-server.ts';
import { aContext, vaultErrorOf } from './seal-contexts.ts';

const SECRET = 'sk_test_canary_4242';
const REGION = 'eu-central-1';

const moto = await findMoto();
if ('missing' in moto) process.stderr.write(`\nSKIPPED: the vault is not tried against moto: its Python packages cannot be had here (${moto.missing})\n\n`);

describe.skipIf('missing' in moto)('under a KMS that others wrote (moto)', () => {
  let server: MotoServer;
  let kms: KMSClient;
  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
    server = await startMoto('python' in moto ? moto.python : '');
    kms = new KMSClient({ region: REGION, endpoint: server.endpoint });
  }, 120_000);
  afterAll(async () => {
    kms.destroy();
    await server.stop();
    vi.unstubAllEnvs();
  });

  async function aKey(): Promise<string> {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    return KeyMetadata!.Arn!;
  }

  const aKeyring = (keyId: string, otherKeyArns: readonly string[] = []): KeyringConfig => ({ kind: 'kms', keyId, region: REGION, endpoint: server.endpoint, otherKeyArns });
  const seal = (keyId: string, context = aContext()) => createSealer(aKeyring(keyId)).seal(new Secret(SECRET), context);

  it.each(['ARN', 'id', 'alias'])('a secret opens to what was sealed, with the key named by its %s, which the header then names by its ARN', async (form) => {
    const arn = await aKey();
    const alias = `alias/interlock-${arn.slice(-8)}`;
    await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
    const keyId = { ARN: arn, id: arn.split('/')[1]!, alias }[form]!;
    const context = aContext();
    const sealed = await seal(keyId, context);
    expect((await createOpener(aKeyring(keyId)).open(sealed, context)).expose()).toBe(SECRET);
    expect(await wrappingKeyOf(sealed)).toBe(arn);
  });

  it.each([
    ['venue', () => ({ venueId: aContext().venueId })],
    ['connection', () => ({ connectionId: aContext().connectionId })],
    ['purpose', () => ({ purpose: 'provider-oauth-tokens' as const })],
  ])('a secret moved to another %s cannot be opened, also when its data key is warm', async (_what, change) => {
    const key = await aKey();
    const home = aContext();
    const sealed = await seal(key, home);
    const opener = createOpener(aKeyring(key));
    for (const warm of [false, true]) {
      expect([(await vaultErrorOf(opener.open(sealed, { ...home, ...change() }))).kind, warm]).toEqual(['cannot-open', warm]);
      await opener.open(sealed, home);
    }
  });

  it('the key service itself holds callers to the context that a data key was made for', async () => {
    const key = await aKey();
    const context = aContext();
    const sealed = Buffer.from(await seal(key, context));
    // The context stands in the clear in the header: one letter of it is changed there.
    const at = sealed.indexOf(context.venueId);
    sealed[at] = sealed[at] === 0x30 ? 0x31 : 0x30;
    const claimed = { ...context, venueId: sealed.toString('latin1', at, at + 36) as typeof context.venueId };
    expect(await vaultErrorOf(createOpener(aKeyring(key)).open(new Uint8Array(sealed) as Awaited<ReturnType<typeof seal>>, claimed))).toMatchObject({
      kind: 'cannot-open',
      code: 'InvalidCiphertextException',
    });
  });

  it('a secret cannot be opened under another key', async () => {
    const context = aContext();
    const sealed = await seal(await aKey(), context);
    expect((await vaultErrorOf(createOpener(aKeyring(await aKey())).open(sealed, context))).kind).toBe('cannot-open');
  });

  it.each([0.3, 0.6, 0.99])('a secret with a bit flipped at %s of its length cannot be opened', async (part) => {
    const key = await aKey();
    const context = aContext();
    const damaged = Uint8Array.from(await seal(key, context));
    damaged[Math.floor(damaged.length * part)]! ^= 1;
    expect((await vaultErrorOf(createOpener(aKeyring(key)).open(damaged as Awaited<ReturnType<typeof seal>>, context))).kind).toBe('cannot-open');
  });

  it('a disabled key opens what is warm and nothing else, and everything again when it is enabled', async () => {
    const key = await aKey();
    const [warm, cold] = [aContext(), aContext()];
    const [sealedWarm, sealedCold] = [await seal(key, warm), await seal(key, cold)];
    const opener = createOpener(aKeyring(key));
    await opener.open(sealedWarm, warm);
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    expect((await opener.open(sealedWarm, warm)).expose()).toBe(SECRET);
    expect(await vaultErrorOf(opener.open(sealedCold, cold))).toMatchObject({ kind: 'key-service-unavailable', code: 'DisabledException' });
    expect(await vaultErrorOf(seal(key))).toMatchObject({ kind: 'key-service-unavailable', code: 'DisabledException' });
    await kms.send(new EnableKeyCommand({ KeyId: key }));
    expect((await opener.open(sealedCold, cold)).expose()).toBe(SECRET);
  });

  it('a secret is brought under another key, opens before, meanwhile and after, and needs the old key no more', async () => {
    const [old, next] = [await aKey(), await aKey()];
    const context = aContext();
    const sealed = await seal(old, context);
    const both = aKeyring(next, [old]);
    expect((await createOpener(both).open(sealed, context)).expose()).toBe(SECRET);
    const resealer = createResealer(both);
    const resealed = await resealer.reseal(sealed, context);
    expect(await wrappingKeyOf(resealed!)).toBe(next);
    expect(await resealer.reseal(resealed!, context)).toBeNull();
    expect((await createOpener(aKeyring(old, [next])).open(resealed!, context)).expose()).toBe(SECRET);
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: old, PendingWindowInDays: 7 }));
    expect((await createOpener(aKeyring(next)).open(resealed!, context)).expose()).toBe(SECRET);
    // What a backup still holds of it is noise from now on.
    expect((await vaultErrorOf(createOpener(both).open(sealed, context))).kind).toBe('key-service-unavailable');
  });

  it('the check at start-up tells a key that is there from one that a person has to mend', async () => {
    const key = await aKey();
    const check = (keyId: string) => checkKeyAccess(createSealer(aKeyring(keyId)), createOpener(aKeyring(keyId)));
    expect(await check(key)).toEqual({ state: 'ready', keyName: key });
    await expect(check(key.replace(/.{12}$/, '000000000000'))).rejects.toThrow(/knows no key AWS_KMS_KEY_ID in the region AWS_REGION/);
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    await expect(check(key)).rejects.toThrow(/is disabled: enable it/);
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: key, PendingWindowInDays: 7 }));
    await expect(check(key)).rejects.toThrow(/pending deletion/);
    await kms.send(new CancelKeyDeletionCommand({ KeyId: key }));
    await kms.send(new EnableKeyCommand({ KeyId: key }));
    expect(await check(key)).toEqual({ state: 'ready', keyName: key });
  });
});
