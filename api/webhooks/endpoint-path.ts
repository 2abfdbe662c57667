import { createHash, randomBytes } from 'node:crypto';

/** 256 random bits in base64url. */
const PATH = /^[\w-]{43}$/;

/** A new secret end of an address. */
export const createEndpointPath = (): string => randomBytes(32).toString('base64url');

/** What is stored of it. Null: it cannot be the end of an address of ours. */
export const digestOf = (path: string): Uint8Array | null =>
  PATH.test(path) ? createHash('sha256').update(path).digest() : null;
