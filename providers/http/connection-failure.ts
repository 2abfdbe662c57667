import { codesOf } from '../../domain/errors/error-codes.ts';

/**
 * Why a call got no complete answer, as a ProviderError's `code`:
 * - `unreachable`: no connection was made, so nothing was sent. The name is unknown, the port refuses, or TLS fails;
 *   mostly the address is wrong.
 * - `connection-failed`: the connection broke, and the request may have arrived.
 */
export type ConnectionFailure = 'unreachable' | 'connection-failed';

/** The code of a failure before a connection was made, where a client of our own tells it. */
export const NO_CONNECTION = 'no-connection';

/**
 * Codes of the system (https://nodejs.org/docs/latest-v24.x/api/errors.html#common-system-errors) and of undici while
 * it connects.
 */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  NO_CONNECTION,
]);
/**
 * Codes of OpenSSL for a certificate that fails its check or a peer that does not speak TLS
 * (https://nodejs.org/docs/latest-v24.x/api/tls.html#x509-certificate-error-codes).
 */
const NO_TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** Classifies an error thrown by `fetch` or by a library around it. */
export function connectionFailureOf(error: unknown): ConnectionFailure {
  return codesOf(error).some((code) => NOT_CONNECTED.has(code) || NO_TLS.test(code))
    ? 'unreachable'
    : 'connection-failed';
}
