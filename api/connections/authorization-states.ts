// eslint-disable-next-line no-restricted-imports -- the tag of a state is ours: no provider has signed it.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** As many bits as RFC 6749 section 10.10 asks for (October 2012). */
const NONCE_BYTES = 16;
const TAG_BYTES = 16;

/** The `state` of an attempt to connect: a nonce and its tag, so that one that we have not made is known without asking anyone. */
export interface AuthorizationStates {
  make(): string;
  isOurs(state: string): boolean;
}

export function createAuthorizationStates(key: Uint8Array): AuthorizationStates {
  const tagOf = (nonce: Uint8Array): Buffer =>
    createHmac('sha256', key).update('authorization-state').update(nonce).digest().subarray(0, TAG_BYTES);
  return {
    make() {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, tagOf(nonce)]).toString('base64url');
    },
    isOurs(state) {
      const bytes = Buffer.from(state, 'base64url');
      return (
        bytes.length === NONCE_BYTES + TAG_BYTES &&
        timingSafeEqual(bytes.subarray(NONCE_BYTES), tagOf(bytes.subarray(0, NONCE_BYTES)))
      );
    },
  };
}
