import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepConnectionFreshWorkflowId } from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { OAuthFlow } from '../../contracts/providers.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { ConnectionBody } from '../support/service-client.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

type Sender = 'stripe' | 'square';

const FLOWS = [
  ['square', 'code'],
  ['square', 'pkce'],
  ['stripe', 'connect'],
  ['stripe', 'app'],
] as const satisfies readonly (readonly [Sender, OAuthFlow])[];

/** A webhook delivery of the stand-in to us. */
interface Sent {
  readonly account: string;
  readonly attempt: number;
  readonly status: number | null;
}

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

const browser = ownerBrowser(() => system.apiUrl);
const control = (provider: Sender) => oauthControl(system.sandbox[provider].controlUrl);
const path = (venueId: string, id = '') => `/v1/venues/${venueId}/connections${id && `/${id}`}`;

async function approve(provider: Sender, answer: unknown, account: string): Promise<void> {
  const { authorizationUrl } = answer as { readonly authorizationUrl: string };
  const { redirectUrl } = await control(provider).approve(await browser.open(authorizationUrl), account);
  const page = await browser.visit(redirectUrl);
  expect(page.status, `${await page.text()}\n${system.logOf('api')}`).toBe(200);
}

interface Connected {
  readonly venueId: string;
  readonly id: string;
  readonly provider: Sender;
  readonly account: string;
}

async function connect(provider: Sender, flow: OAuthFlow, account?: string): Promise<Connected> {
  const venueId = await system.api.createVenue();
  const { body } = await system.api.tryPost(path(venueId), { provider, environment: 'sandbox', flow });
  const whose = account ?? (await control(provider).addAccount()).id;
  await approve(provider, body, whose);
  return { venueId, id: (body as { readonly id: string }).id, provider, account: whose };
}

async function reauthorize({ venueId, id, provider, account }: Connected): Promise<void> {
  await approve(provider, (await system.api.tryPost(`${path(venueId, id)}/reauthorize`, {})).body, account);
}

const connection = ({ venueId, id }: Connected): Promise<ConnectionBody> => system.api.connection(venueId, id);
async function reaches(connected: Connected, state: string): Promise<ConnectionBody> {
  try {
    return await until(
      async () => {
        const now = await connection(connected).catch(() => null);
        return now?.state === state && now;
      },
      { limitMs: 40_000, what: `the connection is ${state}`, everyMs: 50 },
    );
  } catch (error) {
    throw new Error(
      `${JSON.stringify([await connection(connected), await sent(connected)])}\n${system.logOf('api')}\n${system.logOf('worker')}`,
      { cause: error },
    );
  }
}

const sent = async ({ provider, account }: Connected): Promise<readonly Sent[]> =>
  (await control(provider).send<{ readonly data: readonly Sent[] }>('GET', '/webhooks')).data.filter(
    (one) => one.account === account,
  );

/** Makes the provider send a revocation webhook, true or not. Returns the status that we answered. */
async function sendWord({ provider, account }: Connected): Promise<number | null> {
  const url = `${system.apiUrl}/webhooks/${provider}`;
  const what =
    provider === 'square'
      ? { account }
      : {
          account,
          connect: true,
          type: 'account.application.deauthorized',
          object: { id: 'ca_1', object: 'application', name: 'Interlock' },
        };
  const { deliveries } = await control(provider).send<{
    readonly deliveries: readonly { readonly status: number | null }[];
  }>('POST', '/emit', { url, ...what });
  return deliveries[0]?.status ?? null;
}

async function audit({
  venueId,
  id,
}: Connected): Promise<readonly { readonly action: string; readonly details: Readonly<Record<string, unknown>> }[]> {
  return (
    await system.api.get<{
      readonly data: readonly { readonly action: string; readonly details: Readonly<Record<string, unknown>> }[];
    }>(`/v1/venues/${venueId}/audit?target=${id}&limit=200`)
  ).data;
}

/** How often the provider was asked whether the access was revoked. */
async function trials({ id }: Connected): Promise<number> {
  const { events } = await system.temporal.workflow
    .getHandle(keepConnectionFreshWorkflowId(id as ConnectionId))
    .fetchHistory();
  return (
    events?.filter(({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name === 'tryGrant')
      .length ?? 0
  );
}

describe('an account owner who revokes the access at the provider', () => {
  it.each(FLOWS)(
    'is noticed at once, with no run open, and restores the access by approving again: %s %s',
    async (provider, flow) => {
      const connected = await connect(provider, flow);
      expect(await connection(connected)).toMatchObject({ state: 'active' });
      await control(provider).revoke(connected.account);
      const noticed = await reaches(connected, 'needs-reauth');
      expect(noticed.cause).toContain('taken back at the provider');
      expect(noticed.nextAction).toContain('reauthorize');
      expect(await sent(connected)).toMatchObject([{ attempt: 1, status: 200 }]);
      expect((await audit(connected)).filter(({ action }) => action === 'credentials.revoked')).toMatchObject([
        { details: { why: 'revoked-at-provider' } },
      ]);
      const { data } = await system.api.get<{ readonly data: readonly object[] }>(
        `/v1/venues/${connected.venueId}/reauthorizations`,
      );
      expect(data).toMatchObject([{ connectionId: connected.id, kind: 'needs-reauth' }]);

      await reauthorize(connected);
      await reaches(connected, 'active');
      const before = await trials(connected);
      expect(await sendWord(connected)).toBe(200);
      await until(async () => (await trials(connected)) > before, {
        limitMs: 20_000,
        what: 'the late word was looked into',
      });
      const { body } = await system.api.tryPost(`${path(connected.venueId, connected.id)}/test`, {});
      expect(body).toMatchObject({ outcome: 'accepted', connection: { state: 'active' } });
      expect((await audit(connected)).filter(({ action }) => action === 'credentials.revoked')).toHaveLength(1);
    },
  );

  it('is noticed in every venue that has connected the account, and in no other', async () => {
    const here = await connect('square', 'code');
    const there = await connect('square', 'pkce', here.account);
    const elsewhere = await connect('square', 'code');
    await control('square').revoke(here.account);
    await Promise.all([reaches(here, 'needs-reauth'), reaches(there, 'needs-reauth')]);
    expect(await connection(elsewhere)).toMatchObject({ state: 'active' });
    expect(await trials(elsewhere)).toBe(0);
    // The owner who approves again is fine, the other is asked to.
    await reauthorize(here);
    await reaches(here, 'active');
    expect(await sendWord(here)).toBe(200);
    expect((await system.api.tryPost(`${path(here.venueId, here.id)}/test`, {})).body).toMatchObject({
      outcome: 'accepted',
    });
    expect(await connection(there)).toMatchObject({ state: 'needs-reauth' });
  });

  it('is noticed even when our service was away at the provider’s first delivery', async () => {
    const connected = await connect('square', 'code');
    const up = system.kill('api');
    await control('square').revoke(connected.account);
    await up;
    await reaches(connected, 'needs-reauth');
    expect((await sent(connected)).at(-1)).toMatchObject({ status: 200 });
  });

  it('makes the open run wait, which goes on by itself after the next approval', async () => {
    const account = await system.stripe.addAccount();
    await account.seed(600);
    const connected = await connect('stripe', 'connect', account.id);
    await account.fault({ kind: 'slow', delayMs: 1_500, times: 4, match: { path: '/v1/customers' } });
    const run = await system.api.start(connected.venueId, { connectionId: connected.id, direction: 'pull' });
    await control('stripe').revoke(connected.account);
    await reaches(connected, 'needs-reauth');
    await system.api.reached(connected.venueId, run.id, { what: 'waits', when: ({ phase }) => phase === 'waiting' });
    await reauthorize(connected);
    expect(await system.api.finished(connected.venueId, run.id)).toMatchObject({
      outcome: 'completed',
      counts: { read: 600 },
    });
    expect(await connection(connected)).toMatchObject({ state: 'active' });
  });

  it('is not asked to approve again when we disconnect the connection meanwhile', async () => {
    const connected = await connect('square', 'code');
    expect(await system.api.tryDelete(path(connected.venueId, connected.id))).toMatchObject({ status: 202 });
    await reaches(connected, 'disconnected');
    // Square sends a webhook for our own revocation too.
    await until(async () => (await sent(connected)).length > 0, { limitMs: 30_000, what: 'Square has told us' });
    expect(await sent(connected)).toMatchObject([{ status: 200 }]);
    expect(await connection(connected)).toMatchObject({ state: 'disconnected' });
    expect((await audit(connected)).map(({ action }) => action)).not.toContain('credentials.revoked');
  });
});
