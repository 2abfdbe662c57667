import { z } from 'zod';
import { decodeLocalKey } from '../vault/keyring.ts';
import { Secret } from '../vault/secret.ts';
import { COUNT_FORM, SERVICES, URL_FORM, count, flag, httpUrl, text } from './variable.ts';
import type { Variable } from './variable.ts';

/** Variables that decide which callers are accepted and which key wraps stored credentials. */
export const SECURITY_VARIABLES = {
  JWT_SECRET: {
    schema: z
      .string()
      .refine((value) => Buffer.byteLength(value) >= 32)
      .transform((value) => new Secret(value)),
    form: 'at least 32 bytes long',
    description: 'Shared secret that callers’ tokens are signed with (HS256). Not together with `JWT_JWKS_URL`.',
    obtain: '`openssl rand -base64 48`, given to whoever issues the tokens.',
    neededBy: 'api, unless `JWT_JWKS_URL` is set',
    readBy: ['api'],
    secret: true,
  },
  JWT_JWKS_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Public keys that callers’ tokens are checked against. Not together with `JWT_SECRET`.',
    obtain: '`jwks_uri` in the identity provider’s `/.well-known/openid-configuration`.',
    neededBy: 'api, unless `JWT_SECRET` is set',
    readBy: ['api'],
    secret: false,
  },
  JWT_ISSUER: {
    schema: text,
    form: 'the `iss` claim',
    description: 'Required `iss` of callers’ tokens. Not checked without it.',
    neededBy: 'api when `NODE_ENV=production`',
    obtain: '`issuer` in the identity provider’s `/.well-known/openid-configuration`.',
    readBy: ['api'],
    secret: false,
  },
  JWT_AUDIENCE: {
    schema: text,
    form: 'the `aud` claim',
    description: 'Required `aud` of callers’ tokens. Not checked without it.',
    neededBy: 'api when `NODE_ENV=production`',
    obtain: 'The name under which this service is registered with the identity provider.',
    readBy: ['api'],
    secret: false,
  },
  JWT_MAX_LIFE_SECONDS: {
    schema: count,
    form: COUNT_FORM,
    description:
      'Callers’ tokens that are good for longer than this from now on are refused: what is stolen is of use for so long.',
    obtain: 'The life of the access tokens of your identity provider. `npm start` sets 31 days.',
    default: '86400',
    readBy: ['api'],
    secret: false,
  },
  AWS_REGION: {
    schema: z.string().regex(/^[a-z0-9-]+$/),
    form: 'the name of an AWS region, such as eu-central-1',
    description: 'Region of the KMS key.',
    obtain: 'Where the key was created.',
    neededBy: 'api, worker, unless `MOCK_KMS=true`',
    readBy: SERVICES,
    secret: false,
  },
  AWS_KMS_KEY_ID: {
    schema: z.string().regex(/^(arn:[^\s:]+:kms:[^\s:]+:[^\s:]+:)?(key\/|alias\/)?[\w/-]+$/),
    form: 'a key id, key ARN, alias name (alias/…) or alias ARN',
    description:
      'Symmetric KMS key that wraps the data keys of stored credentials. Prefer the key ARN: an alias pointed at another key leaves what was sealed before unreadable.',
    obtain:
      '`aws kms create-key`. The API’s role needs `kms:GenerateDataKey`, and `kms:Decrypt` for signing secrets of webhooks alone, the worker’s both for everything; AWS credentials come from the AWS SDK’s default chain.',
    neededBy: 'api, worker, unless `MOCK_KMS=true`',
    readBy: SERVICES,
    secret: false,
  },
  AWS_KMS_OTHER_KEY_ARNS: {
    schema: z
      .string()
      .regex(/^arn:[^\s:,]+:kms:[^\s:,]+:[^\s:,]+:key\/[\w-]+(,arn:[^\s:,]+:kms:[^\s:,]+:[^\s:,]+:key\/[\w-]+)*$/)
      .transform((value) => value.split(',')),
    form: 'key ARNs of the region AWS_REGION, separated by commas',
    description:
      'KMS keys that stored credentials may also be sealed under: opened with, never sealed with. Needed while keys are rotated.',
    obtain:
      'docs/operations/rotate-keys.md. The worker’s role needs `kms:Decrypt` on each, the API’s for signing secrets of webhooks.',
    readBy: ['api', 'worker'],
    secret: false,
  },
  AWS_KMS_ENDPOINT: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of a KMS other than the region’s own, such as a VPC endpoint.',
    obtain: 'The DNS name of the VPC endpoint.',
    readBy: SERVICES,
    secret: false,
  },
  MOCK_KMS: {
    schema: flag,
    form: 'true or false',
    description:
      '`true` wraps data keys with `ENCRYPTION_KEY` instead of KMS. Development only: refused when `NODE_ENV=production`.',
    obtain: 'Set `true` on a machine without AWS.',
    default: 'false',
    readBy: SERVICES,
    secret: false,
  },
  ENCRYPTION_KEY: {
    schema: z
      .string()
      .refine((value) => decodeLocalKey(value) !== null)
      .transform((value) => new Secret(value)),
    form: 'exactly 32 bytes in base64 or hex',
    description: 'Key that wraps data keys when `MOCK_KMS=true`, and refused otherwise: it would protect nothing.',
    obtain: '`openssl rand -base64 32`.',
    neededBy: 'api, worker when `MOCK_KMS=true`',
    readBy: SERVICES,
    secret: true,
  },
  OTHER_ENCRYPTION_KEYS: {
    schema: z
      .string()
      .refine((value) => value.split(',').every((key) => decodeLocalKey(key) !== null))
      .transform((value) => value.split(',').map((key) => new Secret(key))),
    form: 'keys of exactly 32 bytes in base64 or hex, separated by commas',
    description: 'As `AWS_KMS_OTHER_KEY_ARNS`, when `MOCK_KMS=true`: earlier values of `ENCRYPTION_KEY`.',
    obtain: 'Keep the old value when `ENCRYPTION_KEY` changes.',
    readBy: ['api', 'worker'],
    secret: true,
  },
  ALLOW_LOOPBACK_RECEIVERS: {
    schema: flag,
    form: 'true or false',
    description:
      '`true` lets venues subscribe URLs on this machine, also by http, to the service’s own events. Development only: refused when `NODE_ENV=production`.',
    obtain: 'Set `true` to try outgoing webhooks with a receiver of your own machine. The same for every process.',
    default: 'false',
    readBy: SERVICES,
    secret: false,
  },
} as const satisfies Record<string, Variable>;
