import { z } from 'zod';
import type { ConnectionRef } from '../contracts/ids.ts';
import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { NewGrant, StoredGrant } from '../db/oauth-token-store.ts';
import { refreshTime } from '../domain/grant-timing.ts';
import type { Grant, OAuthAdapter } from '../providers/oauth.ts';
import { Secret } from '../vault/secret.ts';
import type { Opener, Sealer } from '../vault/vault.ts';

/** What of a grant is secret, or belongs to what is; its times stand in columns, where they can be asked for. */
const contents = z.object({
  accessToken: z.string(),
  refreshToken: z.string().nullable(),
  scopes: z.array(z.string()).readonly(),
  context: z.record(z.string(), z.string()),
});

export const grantSealContext = ({ venueId, connectionId }: ConnectionRef): SealContext => ({ venueId, connectionId, purpose: 'provider-oauth-tokens' });

/** What is sealed of a grant: with `seal` of the vault, or with a seal that was prepared. */
export function grantText({ accessToken, refreshToken, scopes, context }: Grant): Secret {
  return new Secret(JSON.stringify({ accessToken: accessToken.expose(), refreshToken: refreshToken?.expose() ?? null, scopes, context } satisfies z.input<typeof contents>));
}

/** Throws VaultError. */
export async function openGrant(vault: Opener, ref: ConnectionRef, stored: StoredGrant): Promise<Grant> {
  const opened = await vault.open(stored.sealedTokens, grantSealContext(ref));
  const { accessToken, refreshToken, scopes, context } = contents.parse(JSON.parse(opened.expose()));
  const { accessExpiresAt, refreshExpiresAt, hardExpiresAt } = stored;
  return { accessToken: new Secret(accessToken), refreshToken: refreshToken === null ? null : new Secret(refreshToken), scopes, context, accessExpiresAt, refreshExpiresAt, hardExpiresAt };
}

export const sealGrant = (sealer: Sealer, ref: ConnectionRef, grant: Grant): Promise<SealedSecret> => sealer.seal(grantText(grant), grantSealContext(ref));

export interface Obtained {
  readonly adapter: Pick<OAuthAdapter, 'flow' | 'refreshAt'>;
  readonly sealedTokens: SealedSecret;
  /** By this process's clock, which the grant's own times were reckoned by. */
  readonly obtainedAt: Date;
  /** How far the database's clock is ahead of this process's. */
  readonly databaseAheadMs: number;
}

/** A grant as it is stored: its times by the database's clock, since the next to read them is another process. */
export function newGrant({ connectionId }: ConnectionRef, grant: Grant, { adapter, sealedTokens, databaseAheadMs, ...local }: Obtained): NewGrant {
  const shift = (at: Date) => new Date(at.getTime() + databaseAheadMs);
  const obtainedAt = shift(local.obtainedAt);
  const accessExpiresAt = grant.accessExpiresAt && shift(grant.accessExpiresAt);
  const dueAt = adapter.refreshAt({ obtainedAt, accessExpiresAt });
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
