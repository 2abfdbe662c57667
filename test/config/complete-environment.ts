import type { Env } from '../../config/environment.ts';

/** Names a key in KMS. */
export const KMS: Env = {
  AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  AWS_REGION: 'eu-central-1',
};

/** All that api and worker need. */
export const COMPLETE: Env = {
  ...KMS,
  DATABASE_URL: 'postgres://app:pw@127.0.0.1:5432/interlock',
  JWT_SECRET: 's'.repeat(32),
};
