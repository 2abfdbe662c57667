import { describe, expect, it } from 'vitest';
import { readApiConfig, readWorkerConfig } from '../../config/config.ts';
import type { Env } from '../../config/environment.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { COMPLETE } from './complete-environment.ts';
import { problemsOf } from './problems-of.ts';

const readApi = (env: Env) => readApiConfig(env, PROVIDERS);
const readWorker = (env: Env) => readWorkerConfig(env, PROVIDERS);

describe('the wrapping key', () => {
  const local: Env = { DATABASE_URL: COMPLETE['DATABASE_URL'], JWT_SECRET: COMPLETE['JWT_SECRET'], MOCK_KMS: 'true' };
  const bytes = Buffer.alloc(32, 0xfa);

  it.each([
    ['hex', bytes.toString('hex')],
    ['base64', bytes.toString('base64')],
    ['base64 without padding', bytes.toString('base64').replace('=', '')],
  ])('is read from ENCRYPTION_KEY in %s', (_form, value) => {
    const { keyring } = readWorker({ ...local, ENCRYPTION_KEY: value });
    expect(keyring.kind === 'local' && keyring.key.expose()).toBe(value);
  });

  it.each([
    ['31 bytes of hex', bytes.subarray(1).toString('hex')],
    ['33 bytes of base64', Buffer.alloc(33).toString('base64')],
    ['31 bytes of base64', Buffer.alloc(31).toString('base64')],
    ['a pass phrase', 'correct horse battery staple abcd'],
  ])('is refused as %s', (_form, value) => {
    expect(problemsOf(() => readWorker({ ...local, ENCRYPTION_KEY: value }))).toEqual([
      expect.stringMatching(/^ENCRYPTION_KEY is wrong/),
    ]);
  });

  it('is required with MOCK_KMS=true', () => {
    expect(problemsOf(() => readWorker(local))).toEqual([
      expect.stringMatching(/^ENCRYPTION_KEY is missing, needed when MOCK_KMS=true/),
    ]);
  });

  it('is refused without MOCK_KMS=true, because nothing would use it', () => {
    const problems = problemsOf(() => readWorker({ ...COMPLETE, ENCRYPTION_KEY: bytes.toString('hex') }));
    expect(problems).toEqual([expect.stringMatching(/^ENCRYPTION_KEY is set but MOCK_KMS is not true/)]);
  });

  it('is never a local one in production', () => {
    const problems = problemsOf(() =>
      readApi({
        ...local,
        ENCRYPTION_KEY: bytes.toString('hex'),
        NODE_ENV: 'production',
        JWT_ISSUER: 'i',
        JWT_AUDIENCE: 'a',
        PUBLIC_URL: 'https://api.example',
      }),
    );
    expect(problems).toEqual([expect.stringMatching(/^MOCK_KMS=true is refused when NODE_ENV=production/)]);
  });

  it.each([
    '1234abcd-12ab-34cd-56ef-1234567890ab',
    'alias/interlock',
    'arn:aws:kms:eu-central-1:111122223333:alias/interlock',
    'mrk-1234abcd12ab34cd56ef1234567890ab',
  ])('may be named in KMS as %s', (keyId) => {
    expect(readWorker({ ...COMPLETE, AWS_KMS_KEY_ID: keyId }).keyring).toEqual({
      kind: 'kms',
      keyId,
      region: 'eu-central-1',
    });
  });
});

describe('the further keys that a worker decrypts with', () => {
  const arn = 'arn:aws:kms:eu-central-1:111122223333:key/';
  const key = 'ab'.repeat(32);

  it('are separated by commas', () => {
    expect(readWorker({ ...COMPLETE, AWS_KMS_OTHER_KEY_ARNS: `${arn}a,${arn}b` }).keyring).toMatchObject({
      kind: 'kms',
      otherKeyArns: [`${arn}a`, `${arn}b`],
    });
    const { keyring } = readWorker({
      ...COMPLETE,
      MOCK_KMS: 'true',
      ENCRYPTION_KEY: key,
      OTHER_ENCRYPTION_KEYS: `${key},${key}`,
    });
    expect(keyring.kind === 'local' && keyring.otherKeys?.map((other) => other.expose())).toEqual([key, key]);
  });

  it.each([
    ['AWS_KMS_OTHER_KEY_ARNS', 'alias/interlock'],
    ['AWS_KMS_OTHER_KEY_ARNS', `${arn}a, ${arn}b`],
    ['OTHER_ENCRYPTION_KEYS', `${key},`],
  ])('are refused as %s=%s', (name, value) => {
    expect(problemsOf(() => readWorker({ ...COMPLETE, [name]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${name} is wrong`)),
    ]);
  });
});
