import type { z } from 'zod';
import type { ProviderId } from '../contracts/providers.ts';
import type { Grant } from './oauth.ts';
import { ProviderError } from './provider-error.ts';

/** Reads a provider's answer in the requested shape. Throws ProviderError, which never quotes the answer. */
export function parseAnswer<Schema extends z.ZodType>(
  provider: ProviderId,
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: 200 });
  return parsed.data;
}

/** An optional field of a grant: a missing or malformed value counts as not told. */
export const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().catch(null);

/** Null for a lifetime that is missing or unlimited. */
export const expiry = (now: Date, seconds: number | null | undefined): Date | null =>
  seconds ? new Date(now.getTime() + seconds * 1_000) : null;

/** Due after three quarters of the lifetime, and at most `maxAgeMs`: both leave time for an outage. */
export function dueWithin(maxAgeMs: number) {
  return ({
    obtainedAt,
    accessExpiresAt,
  }: {
    readonly obtainedAt: Date;
    readonly accessExpiresAt: Date | null;
  }): Date | null => {
    if (accessExpiresAt === null) return null;
    const lifeMs = accessExpiresAt.getTime() - obtainedAt.getTime();
    return new Date(obtainedAt.getTime() + Math.min(maxAgeMs, Math.max(0, lifeMs * 0.75)));
  };
}

/** For flows that a caller reaches only by a programming error. */
export function refreshTokenOf(provider: ProviderId, { refreshToken }: Grant): string {
  if (refreshToken === null) throw new ProviderError({ provider, kind: 'needs-reauth', code: 'no-refresh-token' });
  return refreshToken.expose();
}

/** A value that the grant holds beside the token. */
export function contextOf(provider: ProviderId, { context }: Grant, name: string): string {
  const value = context[name];
  if (value === undefined) throw new ProviderError({ provider, kind: 'unexpected-response', code: `no-${name}` });
  return value;
}

/** The URL of a page with its parameters, to which the owner's browser is sent. */
export function pageUrl(page: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(page);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

export const scopesOf = (scope: string | null | undefined): readonly string[] =>
  scope?.split(/[\s,]+/).filter((one) => one !== '') ?? [];
