import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import type { JwtConfig } from '../../config/config.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { ApiError } from '../errors/api-error.ts';
import { ROLES } from './caller.ts';
import type { Caller } from './caller.ts';

/** Pinned: a token that names another algorithm, including `none`, is rejected whatever its signature. */
const SECRET_ALGORITHMS = ['HS256'];
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const CLOCK_TOLERANCE_S = 5;
const KEYS_TIMEOUT_MS = 3_000;
const KEYS_RETRY_AFTER_MS = 5_000;
/** A key set is read again after this, also when no token names an unknown key: one of its keys may be withdrawn. */
const KEYS_FRESH_FOR_MS = 300_000;
/** How long a token that was verified is taken to be so. A withdrawn key is refused after this and `KEYS_FRESH_FOR_MS`. */
const VERIFIED_FOR_MS = 30_000;
const MAX_VERIFIED = 10_000;
const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *$/i;

const venueIds = z.array(z.uuid().transform((id) => id.toLowerCase() as VenueId)).max(1_000);
const claims = z.object({
  sub: z.string().regex(/^[^\u0000-\u001f\u007f-\u009f]{1,255}$/),
  role: z.enum(ROLES),
  venues: z.union([z.literal('*'), venueIds]),
  exp: z.number(),
});

export interface Authenticator {
  /** Throws `not-authenticated`, or `authentication-unavailable` when the verification keys are unavailable. */
  authenticate(authorization: string | undefined): Promise<Caller>;
}

export function createAuthenticator(config: JwtConfig, clock: () => Date): Authenticator {
  const getKey = keySource(config);
  const verified = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();
  const options: JWTVerifyOptions = {
    algorithms: config.kind === 'secret' ? SECRET_ALGORITHMS : PUBLIC_KEY_ALGORITHMS,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_S,
    ...(config.issuer === undefined ? {} : { issuer: config.issuer }),
    ...(config.audience === undefined ? {} : { audience: config.audience }),
  };

  return {
    async authenticate(authorization) {
      if (authorization === undefined) throw refuse('Send a token as `Authorization: Bearer <JWT>`.', null);
      const token = BEARER.exec(authorization)?.[1];
      if (token === undefined)
        throw refuse('The Authorization header does not hold a bearer token.', 'invalid_request');
      const nowMs = clock().getTime();
      const known = verified.get(token);
      if (known && nowMs < known.untilMs) return known.caller;
      const caller = toCaller(await verify(token), nowMs + config.maxLifeSeconds * 1_000);
      if (verified.size >= MAX_VERIFIED) verified.clear();
      // Cached, because checking the signature takes a fifth of a whole read and callers send one token many times.
      verified.set(token, { caller, untilMs: Math.min(nowMs + VERIFIED_FOR_MS, caller.expiresAt.getTime()) });
      return caller;
    },
  };

  async function verify(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, getKey, { ...options, currentDate: clock() })).payload;
    } catch (error) {
      if (config.kind === 'jwks' && isKeyOutage(error)) {
        throw new ApiError('authentication-unavailable', 'The keys that tokens are checked with cannot be fetched.', {
          cause: error,
          retryAfterMs: KEYS_RETRY_AFTER_MS,
        });
      }
      throw refuse(
        error instanceof errors.JWTExpired ? 'The token has expired.' : 'The token is not valid.',
        'invalid_token',
      );
    }
  }
}

function keySource(config: JwtConfig): JWTVerifyGetKey {
  if (config.kind === 'jwks')
    return createRemoteJWKSet(new URL(config.url), {
      timeoutDuration: KEYS_TIMEOUT_MS,
      cacheMaxAge: KEYS_FRESH_FOR_MS,
    });
  const secret = new TextEncoder().encode(config.secret.expose());
  // Imported once, because raw bytes would be imported again for every request.
  const key = crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  return () => key;
}

function toCaller(payload: JWTPayload, latestExpiry: number): Caller {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))].join(', ');
    throw refuse(`The token's claims are missing or wrong: ${names}.`, 'invalid_token');
  }
  const { sub, role, venues, exp } = parsed.data;
  if (exp * 1_000 > latestExpiry + CLOCK_TOLERANCE_S * 1_000)
    throw refuse('The token is good for longer than this service allows.', 'invalid_token');
  return { subject: sub, role, venues, expiresAt: new Date(exp * 1000) };
}

/** Whether the key set could not be fetched or read. A key that is missing from it is the token's fault. */
function isKeyOutage(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  return !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC';
}

/**
 * The `WWW-Authenticate` header of RFC 6750 section 3 (October 2012), without an error code when there was no token.
 */
function refuse(detail: string, error: 'invalid_request' | 'invalid_token' | null): ApiError {
  const challenge = `Bearer realm="interlock"${error === null ? '' : `, error="${error}"`}`;
  return new ApiError('not-authenticated', detail, { headers: { 'WWW-Authenticate': challenge } });
}
