import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import { createOAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import type { ApprovedGrantRef, NewGrant, OAuthTokenStore } from '../../../db/connections/oauth-token-store.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { connections } from '../../../db/schema/connections/connections.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let database: TestDatabase;
let tokens: OAuthTokenStore;
beforeAll(async () => {
  database = await createTestDatabase();
  tokens = createOAuthTokenStore({ db: database.db, audit: createAuditStore(database.db) });
}, 60_000);
afterAll(() => database.drop());

const LONG = { holder: 'one', lengthMs: 60_000 };
/** Ends before the next statement. */
const OVER = { holder: 'one', lengthMs: 0 };

const sealed = (text: string) => Buffer.from(text) as unknown as SealedSecret;
const newGrant = (text: string): NewGrant => ({
  flow: 'code',
  sealedTokens: sealed(text),
  scopes: [],
  obtainedAt: new Date(),
  accessExpiresAt: null,
  refreshExpiresAt: null,
  hardExpiresAt: null,
  refreshAt: null,
});

async function aGrant(): Promise<ApprovedGrantRef> {
  const venue = await createVenueStore(database.db).create({
    sourceId: null,
    name: 'A venue',
    timeZone: 'UTC',
    currency: 'EUR',
  });
  if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
  const ref = { venueId: venue.id, connectionId: uuidv7() as ConnectionId };
  await withVenue(database.db, ref.venueId, (tx) =>
    tx.insert(connections).values({
      ...{ id: ref.connectionId, venueId: ref.venueId, provider: 'corner-desk', environment: 'sandbox' },
      ...{ externalAccountId: ref.connectionId, flow: 'code', state: 'active' },
    }),
  );
  return approve(ref, `attempt of ${ref.connectionId}`);
}

async function approve(
  ref: Pick<ApprovedGrantRef, 'venueId' | 'connectionId'>,
  authorizedBy: string,
): Promise<ApprovedGrantRef> {
  await withVenue(database.db, ref.venueId, (tx) =>
    tokens.replaceIn(tx, ref, { ...newGrant(authorizedBy), authorizedBy }),
  );
  return { ...ref, generation: (await tokens.find(ref))!.generation, authorizedBy };
}

async function lease(grant: ApprovedGrantRef, by: typeof LONG) {
  const attempt = await tokens.takeRefreshLease(grant, by);
  if (attempt.outcome !== 'taken') throw new Error(`the lease is ${attempt.outcome}`);
  return attempt;
}

const entryFor = ({ venueId, connectionId }: ApprovedGrantRef): AuditEntry => ({
  ...{ venueId, actor: 'a test', action: 'credentials.refreshed', targetType: 'connection', targetId: connectionId },
  ...{ outcome: 'ok', requestId: null, details: {} },
});
const DEAD = { cause: 'It is dead.', nextAction: 'Approve anew.' };
const stored = async (grant: ApprovedGrantRef) => {
  const found = await tokens.find(grant);
  return (
    found && {
      text: Buffer.from(found.sealedTokens).toString(),
      state: found.state,
      sent: found.refreshSentAt !== null,
    }
  );
};

describe('the lease of a refresh', () => {
  it('is refused, with the time that is left, while another holder has it', async () => {
    const grant = await aGrant();
    await lease(grant, LONG);
    const second = await tokens.takeRefreshLease(grant, { ...LONG, holder: 'two' });
    expect(second).toEqual({ outcome: 'held', forMs: expect.any(Number) as number });
    expect(second.outcome === 'held' && second.forMs).toBeGreaterThan(0);
    expect(second.outcome === 'held' && second.forMs).toBeLessThanOrEqual(LONG.lengthMs);
  });

  it('is given to one of many who ask at once', async () => {
    const grant = await aGrant();
    const attempts = await Promise.all(Array.from({ length: 8 }, () => tokens.takeRefreshLease(grant, LONG)));
    expect(attempts.map(({ outcome }) => outcome).sort()).toEqual([
      ...Array.from({ length: 7 }, () => 'held'),
      'taken',
    ]);
  });

  it('tells its next holder that an earlier refresh had no answer, unless that one was certainly not sent', async () => {
    const grant = await aGrant();
    const first = await lease(grant, LONG);
    expect(first.earlierUnanswered).toBe(false);
    await tokens.releaseRefresh(first.lease, { unsent: true });
    const second = await lease(grant, LONG);
    expect(second.earlierUnanswered).toBe(false);
    await tokens.releaseRefresh(second.lease, { unsent: false });
    expect((await lease(grant, LONG)).earlierUnanswered).toBe(true);
  });

  it.each(['generation', 'approval'] as const)('is not given for a grant of another %s', async (what) => {
    const grant = await aGrant();
    const other = what === 'generation' ? { generation: 2 } : { authorizedBy: 'another attempt' };
    expect(await tokens.takeRefreshLease({ ...grant, ...other }, LONG)).toEqual({ outcome: 'moved' });
  });

  it('is not given for a grant that was wiped', async () => {
    const grant = await aGrant();
    await database.admin`delete from oauth_tokens where connection_id = ${grant.connectionId}`;
    expect(await tokens.takeRefreshLease(grant, LONG)).toEqual({ outcome: 'moved' });
  });
});

describe('a holder that is slower than its lease', () => {
  it('stores nothing while the next one is at work, releases nothing of its, and gives nothing up', async () => {
    const grant = await aGrant();
    const slow = await lease(grant, OVER);
    const next = await lease(grant, { ...LONG, holder: 'two' });
    expect(next.lease.fence).toBe(slow.lease.fence + 1);
    expect(await tokens.storeRefreshed(slow.lease, newGrant('slow'), entryFor(grant))).toMatchObject({
      outcome: 'held',
    });
    await tokens.releaseRefresh(slow.lease, { unsent: true });
    expect(await tokens.giveUpRefresh(slow.lease, DEAD, entryFor(grant))).toBe(false);
    expect(await tokens.takeRefreshLease(grant, LONG)).toMatchObject({ outcome: 'held' });
    expect(await stored(grant)).toEqual({ text: grant.authorizedBy, state: 'active', sent: true });
    expect(await tokens.storeRefreshed(next.lease, newGrant('next'), entryFor(grant))).toMatchObject({
      outcome: 'stored',
      late: false,
    });
    expect(await stored(grant)).toEqual({ text: 'next', state: 'active', sent: false });
  });

  it('stores nothing over what the next one has stored', async () => {
    const grant = await aGrant();
    const slow = await lease(grant, OVER);
    const next = await lease(grant, LONG);
    await tokens.storeRefreshed(next.lease, newGrant('next'), entryFor(grant));
    expect(await tokens.storeRefreshed(slow.lease, newGrant('slow'), entryFor(grant))).toEqual({ outcome: 'moved' });
    expect(await stored(grant)).toMatchObject({ text: 'next' });
  });

  it('stores its answer when nobody came in between', async () => {
    const grant = await aGrant();
    const slow = await lease(grant, OVER);
    expect(await tokens.storeRefreshed(slow.lease, newGrant('slow'), entryFor(grant))).toMatchObject({
      outcome: 'stored',
      late: false,
      grant: { generation: 2 },
    });
  });

  it('brings the grant back to life when the next one was refused because of it', async () => {
    const grant = await aGrant();
    const slow = await lease(grant, OVER);
    const next = await lease(grant, LONG);
    expect(await tokens.giveUpRefresh(next.lease, DEAD, entryFor(grant))).toBe(true);
    expect(await stored(grant)).toMatchObject({ state: 'needs-reauth' });
    expect(await tokens.storeRefreshed(slow.lease, newGrant('slow'), entryFor(grant))).toMatchObject({
      outcome: 'stored',
      late: true,
    });
    expect(await stored(grant)).toEqual({ text: 'slow', state: 'active', sent: false });
  });

  it('stores nothing over a new approval, also when the connection was disconnected before it', async () => {
    const grant = await aGrant();
    const slow = await lease(grant, OVER);
    await database.admin`delete from oauth_tokens where connection_id = ${grant.connectionId}`;
    const anew = await approve(grant, `second attempt of ${grant.connectionId}`);
    expect(anew.generation).toBe(grant.generation);
    expect(await tokens.storeRefreshed(slow.lease, newGrant('slow'), entryFor(grant))).toEqual({ outcome: 'moved' });
    expect(await tokens.giveUpRefresh(slow.lease, DEAD, entryFor(grant))).toBe(false);
    expect(await stored(anew)).toMatchObject({ text: anew.authorizedBy, state: 'active' });
  });

  it('holds up no refresh of a grant that was approved anew', async () => {
    const grant = await aGrant();
    await lease(grant, LONG);
    const anew = await approve(grant, `second attempt of ${grant.connectionId}`);
    expect(await lease(anew, LONG)).toMatchObject({ earlierUnanswered: false });
  });
});
