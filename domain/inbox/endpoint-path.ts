import { createHash } from 'node:crypto';

/** What is stored of the secret end of a webhook address: SHA-256, 32 bytes. */
export const pathDigestOf = (path: string): Buffer => createHash('sha256').update(path).digest();
