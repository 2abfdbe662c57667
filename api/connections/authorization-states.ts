// eslint-disable-next-line no-restricted-imports -- the tag of a state is ours: no provider has signed it.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** As many bits as RFC 6749 section 10.10 asks for (October 2012). */
const NONCE_BYTES = 16;
const TAG_BYTES = 16;

/** Makes and recognises what an attempt to connect is known by. Everything follows from the state and a key, so nothing is stored. */
export interface AuthorizationStates {
  /** A nonce and its tag, so that a state that we have not made is known without asking anyone. */
  make(): string;
  isOurs(state: string): boolean;
  /** Signs the query of an attempt's link. Who knows only the state, from a callback's URL, cannot make the link of it. */
  ticketFor(link: string): string;
  isTicketFor(link: string, ticket: string): boolean;
  /** What the browser that opened the link of an attempt keeps in a cookie. */
  browserTokenFor(attempt: string): string;
}

/** Names an attempt: whoever reads Temporal's list of workflows cannot make the state of it. */
export const attemptOf = (state: string): string => createHash('sha256').update(state).digest('hex').slice(0, 32);

export function createAuthorizationStates(key: Uint8Array): AuthorizationStates {
  const tag = (purpose: string, subject: Uint8Array | string): Buffer =>
    createHmac('sha256', key).update(purpose).update(subject).digest().subarray(0, TAG_BYTES);
  return {
    make() {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, tag('authorization-state', nonce)]).toString('base64url');
    },
    isOurs(state) {
      const bytes = Buffer.from(state, 'base64url');
      return (
        bytes.length === NONCE_BYTES + TAG_BYTES &&
        timingSafeEqual(bytes.subarray(NONCE_BYTES), tag('authorization-state', bytes.subarray(0, NONCE_BYTES)))
      );
    },
    ticketFor: (link) => tag('authorization-link:', link).toString('base64url'),
    isTicketFor: (link, ticket) => sameText(ticket, tag('authorization-link:', link).toString('base64url')),
    browserTokenFor: (attempt) => tag('authorization-browser:', attempt).toString('base64url'),
  };
}

/** Compares in constant time; texts of other lengths differ. */
export function sameText(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
