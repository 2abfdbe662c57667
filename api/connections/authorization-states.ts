// eslint-disable-next-line no-restricted-imports -- the tag of a state is ours: no provider has signed it.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** As many bits as RFC 6749 section 10.10 requires (October 2012). */
const NONCE_BYTES = 16;
const TAG_BYTES = 16;

/**
 * Makes and verifies the identifiers of an attempt to connect. All derive from the state and a key, so nothing is
 * stored.
 */
export interface AuthorizationStates {
  /** A nonce with its tag, so that a state that we have not made is recognized without a lookup. */
  make(): string;
  isOurs(state: string): boolean;
  /**
   * Signs the query of an attempt's link. The state alone, as in a callback's URL, does not suffice to make the link.
   */
  ticketFor(link: string): string;
  isTicketFor(link: string, ticket: string): boolean;
  /** The cookie of the browser that opened an attempt's link. */
  browserTokenFor(attempt: string): string;
}

/** The id of an attempt. A reader of Temporal's list of workflows cannot derive the state from it. */
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

/** Compares in constant time. Texts of different lengths are unequal. */
export function sameText(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
