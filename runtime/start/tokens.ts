import { SignJWT } from 'jose';

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface TokenRequest {
  /** The actor in the audit log. */
  readonly subject: string;
  readonly role: Role;
  /** Venue ids, or `*` for all venues. */
  readonly venues: readonly string[] | '*';
  readonly ttlSeconds: number;
  /** Set when the API requires them. */
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** A bearer token for the API, signed with HS256. */
export async function signToken(request: TokenRequest, secret: string): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1_000);
  const token = new SignJWT({ role: request.role, venues: request.venues })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(request.subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + request.ttlSeconds);
  if (request.issuer !== undefined) token.setIssuer(request.issuer);
  if (request.audience !== undefined) token.setAudience(request.audience);
  return token.sign(new TextEncoder().encode(secret));
}
