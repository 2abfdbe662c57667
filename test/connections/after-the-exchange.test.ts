import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import type { OAuthFlow } from '../../contracts/providers.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';
import { textOf } from '../support/history.ts';
import { useConnectionWorld } from './connection-suite.ts';
import type { AppProvider } from '../support/test-providers.ts';

const FLOWS = [
  ['stripe', 'connect'],
  ['stripe', 'app'],
  ['square', 'code'],
  ['square', 'pkce'],
  ['quickbooks', 'code'],
  ['mailchimp', 'code'],
] as const satisfies readonly (readonly [AppProvider, OAuthFlow])[];

/** Names that people have entered and that Postgres cannot store as they are, and what is stored instead. */
const NAMES = [
  ['U+0000', 'Caf\u0000e', 'Cafe'],
  ['half a surrogate pair', 'Caf\ud83c', 'Caf\ufffd'],
] as const;

describe('an account whose owner has approved', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const exchanges = async (provider: AppProvider, since: number) =>
    (await world.control[provider].calls(since)).filter(({ grantType }) => grantType === 'authorization_code');

  it.each(
    FLOWS.flatMap(([provider, flow]) =>
      NAMES.map(([what, name, stored]) => [provider, flow, what, name, stored] as const),
    ),
  )('is connected with a single exchange: %s, %s, with %s in its name', async (provider, flow, _what, name, stored) => {
    const { id: account } = await world.control[provider].addAccount(name);
    const attempt = await world.begin(venueId, provider, { flow });
    const callback = await world.approve(attempt, account);
    const since = Date.now();
    expect(await world.complete(attempt, callback)).toEqual({
      outcome: 'connected',
      connectionId: attempt.connectionId,
    });
    expect(await world.connectionOf(attempt)).toMatchObject({
      state: 'active',
      account: { id: account, name: stored },
    });
    expect(await exchanges(provider, since)).toHaveLength(1);
  });

  it.each(FLOWS)(
    'is connected with a single exchange although Postgres refuses to store it for a while: %s, %s',
    async (provider, flow) => {
      const { admin } = world.database;
      const attempt = await world.begin(venueId, provider, { flow });
      const callback = await world.approve(attempt, 'new');
      await admin.unsafe(`create function refuse_it() returns trigger language plpgsql as $$ begin raise exception 'not now' using errcode = '22021'; end $$;
      create trigger refuse_it before update on connections for each row when (new.id = '${attempt.connectionId}' and new.state = 'active') execute function refuse_it()`);
      const since = Date.now();
      const completion = world.complete(attempt, callback);
      try {
        await until(async () => (await world.tries(attempt)) >= 2, { limitMs: 30_000, what: 'storing has failed' });
      } finally {
        await admin.unsafe('drop trigger refuse_it on connections; drop function refuse_it()');
      }
      expect(await completion).toEqual({ outcome: 'connected', connectionId: attempt.connectionId });
      expect(await exchanges(provider, since)).toHaveLength(1);
      expect(await admin`select 1 from authorization_exchanges`).toHaveLength(0);
    },
  );

  it('is not connected when QuickBooks reports a failure inside a 200, and nothing of its text is kept', async () => {
    const attempt = await world.begin(venueId, 'quickbooks');
    const callback = await world.approve(attempt, 'new');
    await world.control.quickbooks.fault({
      match: { method: 'GET' },
      kind: 'status',
      body: 'inside-success',
      times: 1,
    });
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'provider-refused' });
    const [kept] = await world.database.admin<
      { text: string }[]
    >`select (select jsonb_agg(c) from connections c)::text || (select jsonb_agg(a) from audit_log a)::text as text`;
    expect(kept?.text).not.toMatch(/trial|subscription|Invalid Company/i);
    expect(textOf(await attempt.handle.fetchHistory())).not.toMatch(/trial|subscription|Invalid Company/i);
  });

  it('keeps nothing of a grant whose attempt fails', async () => {
    const attempt = await world.begin(venueId, 'stripe', { flow: 'connect', environment: 'production' });
    expect(await world.complete(attempt, await world.approve(attempt, 'new'))).toMatchObject({
      outcome: 'refused',
      code: 'environment-mismatch',
    });
    expect(await world.database.admin`select 1 from authorization_exchanges`).toHaveLength(0);
  });
});
