import { z } from 'zod';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { SealContext, SealedSecret } from '../../contracts/vault.ts';
import type { NewGrant, StoredGrant } from '../../db/connections/oauth-token-store.ts';
import { refreshTime } from '../../domain/grants/grant-timing.ts';
import type { Grant, OAuthAdapter } from '../../providers/oauth.ts';
import { Secret } from '../../vault/secret.ts';
import type { Opener, Sealer } from '../../vault/vault.ts';

/** The secret part of a grant. Its timestamps are columns so that they can be queried. */
const contents = z.object({
  accessToken: z.string(),
  refreshToken: z.string().nullable(),
  scopes: z.array(z.string()).readonly(),
  context: z.record(z.string(), z.string()),
});

export const grantSealContext = ({ venueId, connectionId }: ConnectionRef): SealContext => ({
  venueId,
  connectionId,
  purpose: 'provider-oauth-tokens',
});

/** The text of a grant to seal, with the vault's `seal` or with a prepared seal. */
export function grantText({ accessToken, refreshToken, scopes, context }: Grant): Secret {
  return new Secret(
    JSON.stringify({
      accessToken: accessToken.expose(),
      refreshToken: refreshToken?.expose() ?? null,
      scopes,
      context,
    } satisfies z.input<typeof contents>),
  );
}

/** Throws VaultError. */
export async function openGrant(vault: Opener, ref: ConnectionRef, stored: StoredGrant): Promise<Grant> {
  const opened = await vault.open(stored.sealedTokens, grantSealContext(ref));
  const { accessToken, refreshToken, scopes, context } = contents.parse(JSON.parse(opened.expose()));
  const { accessExpiresAt, refreshExpiresAt, hardExpiresAt } = stored;
  return {
    accessToken: new Secret(accessToken),
    refreshToken: refreshToken === null ? null : new Secret(refreshToken),
    scopes,
    context,
    accessExpiresAt,
    refreshExpiresAt,
    hardExpiresAt,
  };
}

/** What a code has brought. All times are by the database's clock. */
export interface ExchangedGrant extends Grant {
  readonly obtainedAt: Date;
}

const instant = z.iso.datetime().transform((text) => new Date(text));
const exchanged = contents.extend({
  obtainedAt: instant,
  accessExpiresAt: instant.nullable(),
  refreshExpiresAt: instant.nullable(),
  hardExpiresAt: instant.nullable(),
});

/** The seal context of an exchanged grant, which replaces the code for the minutes of an attempt to connect. */
export const exchangeSealContext = ({ venueId, connectionId }: ConnectionRef): SealContext => ({
  venueId,
  connectionId,
  purpose: 'authorization',
});

/** The text of a whole grant, including its times. */
export function exchangedText({ accessToken, refreshToken, scopes, context, ...times }: ExchangedGrant): Secret {
  const iso = (at: Date | null) => at?.toISOString() ?? null;
  const { obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt } = times;
  return new Secret(
    JSON.stringify({
      ...{
        accessToken: accessToken.expose(),
        refreshToken: refreshToken?.expose() ?? null,
        scopes,
        context,
        obtainedAt: obtainedAt.toISOString(),
      },
      ...{
        accessExpiresAt: iso(accessExpiresAt),
        refreshExpiresAt: iso(refreshExpiresAt),
        hardExpiresAt: iso(hardExpiresAt),
      },
    } satisfies z.input<typeof exchanged>),
  );
}

/** Throws VaultError. */
export async function openExchanged(
  vault: Opener,
  ref: ConnectionRef,
  sealedGrant: SealedSecret,
): Promise<ExchangedGrant> {
  const opened = await vault.open(sealedGrant, exchangeSealContext(ref));
  const { accessToken, refreshToken, ...rest } = exchanged.parse(JSON.parse(opened.expose()));
  return {
    ...rest,
    accessToken: new Secret(accessToken),
    refreshToken: refreshToken === null ? null : new Secret(refreshToken),
  };
}

export const sealGrant = (sealer: Sealer, ref: ConnectionRef, grant: Grant): Promise<SealedSecret> =>
  sealer.seal(grantText(grant), grantSealContext(ref));

export interface Obtained {
  readonly adapter: Pick<OAuthAdapter, 'flow' | 'refreshAt'>;
  readonly sealedTokens: SealedSecret;
  /** By this process's clock, on which the grant's own times are based. */
  readonly obtainedAt: Date;
  /** How far the database's clock is ahead of this process's. */
  readonly databaseAheadMs: number;
}

/** A grant as it is stored, with its times by the database's clock, because another process will read them. */
export function newGrant(
  { connectionId }: ConnectionRef,
  grant: Grant,
  { adapter, sealedTokens, databaseAheadMs, ...local }: Obtained,
): NewGrant {
  const shift = (at: Date) => new Date(at.getTime() + databaseAheadMs);
  const obtainedAt = shift(local.obtainedAt);
  const accessExpiresAt = grant.accessExpiresAt && shift(grant.accessExpiresAt);
  // A token without a refresh token is used until it expires.
  const dueAt = grant.refreshToken === null ? null : adapter.refreshAt({ obtainedAt, accessExpiresAt });
  return {
    flow: adapter.flow,
    sealedTokens,
    scopes: grant.scopes,
    obtainedAt,
    accessExpiresAt,
    refreshExpiresAt: grant.refreshExpiresAt && shift(grant.refreshExpiresAt),
    hardExpiresAt: grant.hardExpiresAt && shift(grant.hardExpiresAt),
    refreshAt: dueAt && refreshTime(connectionId, { obtainedAt, dueAt }),
  };
}
