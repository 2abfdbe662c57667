import { randomBytes } from 'node:crypto';
import { pathDigestOf } from '../../domain/inbox/endpoint-path.ts';

/** 256 random bits in base64url. */
const PATH = /^[\w-]{43}$/;

/** A new secret end of an address. */
export const createEndpointPath = (): string => randomBytes(32).toString('base64url');

/** What is stored of it. Null: it cannot be the end of an address of ours. */
export const digestOf = (path: string): Uint8Array | null => (PATH.test(path) ? pathDigestOf(path) : null);
