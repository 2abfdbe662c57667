import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../contracts/ids.ts';
import { registerWebhookWorkflowId } from '../../contracts/webhook-registration.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount } from '../support/sandbox/mailchimp-account.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(() => system.stop());

const browser = ownerBrowser(() => system.apiUrl);
const mailchimp = () => mailchimpSandboxControl(system.sandbox.mailchimp);

interface Endpoint {
  readonly url: string | null;
  readonly registration: { readonly state: string; readonly code: string | null } | null;
}
interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: object;
  readonly sources: object;
  readonly [name: string]: unknown;
}
interface Connected {
  readonly account: MailchimpAccount;
  readonly venueId: string;
  readonly connectionId: string;
  readonly path: string;
}

async function connected(keyOf = (account: MailchimpAccount) => account.apiKey): Promise<Connected> {
  const account = await mailchimp().addAccount();
  const venueId = await system.api.createVenue();
  const body = { provider: 'mailchimp', environment: 'production', credentials: { secretKey: keyOf(account) } };
  const answer = await system.api.tryPost(`/v1/venues/${venueId}/connections`, body);
  expect(answer.status).toBe(201);
  const { id } = answer.body as { readonly id: string };
  return { account, venueId, connectionId: id, path: `/v1/venues/${venueId}/connections/${id}/webhook-endpoint` };
}

/** A connection whose owner has approved, and may choose the audience. */
async function consented(): Promise<Connected> {
  const venueId = await system.api.createVenue();
  const asked = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
    ...{ provider: 'mailchimp', environment: 'production' },
  });
  const { id, authorizationUrl } = asked.body as { readonly id: string; readonly authorizationUrl: string };
  const approved = await oauthControl(system.sandbox.mailchimp.controlUrl).approve(
    await browser.open(authorizationUrl),
    'new',
  );
  await (await browser.visit(approved.redirectUrl)).text();
  const account = (await mailchimp().accounts()).find((one) => one.id === approved.account);
  if (!account) throw new Error('the owner has an account');
  return { account, venueId, connectionId: id, path: `/v1/venues/${venueId}/connections/${id}/webhook-endpoint` };
}

/** Opens an address, and waits until its registration has ended. */
async function open({ path }: Connected, body: object = {}) {
  const answer = await system.api.tryPost(path, body);
  expect(answer.status).toBe(201);
  const made = answer.body as Endpoint;
  const ended = await until(
    async () => {
      const { registration } = await system.api.get<Endpoint>(path);
      return registration?.state === 'pending' ? null : { registration };
    },
    { limitMs: 30_000, what: 'the registration has ended' },
  );
  return { url: made.url, made: made.registration, ended: ended.registration };
}

const webhooksAt = (account: MailchimpAccount) => account.objects<Webhook>('webhooks');
const urlsAt = async (account: MailchimpAccount) => (await webhooksAt(account)).map(({ url }) => url);

async function disconnect({ venueId, connectionId }: Connected): Promise<void> {
  const path = `/v1/venues/${venueId}/connections/${connectionId}`;
  expect(await system.api.tryDelete(path)).toMatchObject({ status: 202 });
  await until(async () => (await system.api.connection(venueId, connectionId)).state === 'disconnected', {
    limitMs: 60_000,
    what: 'the connection is disconnected',
  });
}

/** Waits for the end of the workflow that registers the address. */
async function registered({ connectionId }: Connected, url: string | null): Promise<void> {
  const digest = createHash('sha256')
    .update(url?.split('/').at(-1) ?? '')
    .digest('hex');
  const handle = system.temporal.workflow.getHandle(registerWebhookWorkflowId(connectionId as ConnectionId, digest));
  await until(async () => (await handle.describe()).status.name === 'COMPLETED', {
    limitMs: 30_000,
    what: 'the address is registered',
  });
}

const removals = async ({ venueId, connectionId }: Connected) =>
  (
    await system.api.get<{ readonly data: readonly { readonly action: string; readonly outcome: string }[] }>(
      `/v1/venues/${venueId}/audit?target=${connectionId}`,
    )
  ).data
    .filter(({ action }) => action === 'connection.webhook-removed')
    .map(({ outcome }) => outcome);

describe('the webhook of an audience', () => {
  it('is not registered by a key that may only look, which the address says, and which pulls on', async () => {
    const venue = await connected(({ viewerKey }) => viewerKey);
    expect(await open(venue)).toMatchObject({ ended: { state: 'failed', code: 'not-permitted' } });
    expect(await urlsAt(venue.account)).toEqual([]);
    expect(await system.api.connection(venue.venueId, venue.connectionId)).toMatchObject({ state: 'active' });
  });

  it('waits for an audience to be chosen: with several, the address says so', async () => {
    const venue = await connected();
    await mailchimp().send('POST', '/seed', {
      ...{ resource: 'lists', account: venue.account.id, objects: [{ id: 'second', name: 'Second' }] },
    });
    expect(await open(venue)).toMatchObject({ ended: { state: 'failed', code: 'several-audiences' } });
  });

  it('is left to the account’s owner when the caller asks for it', async () => {
    const venue = await connected();
    expect(await open(venue, { register: false })).toMatchObject({ made: null, ended: null });
    expect(await urlsAt(venue.account)).toEqual([]);
  });

  it('is registered with the address, and brings what people change without a run', async () => {
    const venue = await connected();
    const { account, venueId, connectionId } = venue;
    const [member = ''] = await account.seed('members', 3);
    await system.api.sync(venueId, { connectionId, direction: 'pull' });
    const { url, made, ended } = await open(venue);
    expect({ made, ended }).toEqual({
      made: { state: 'pending', code: null },
      ended: { state: 'registered', code: null },
    });
    expect(await webhooksAt(account)).toMatchObject([
      {
        url,
        events: { subscribe: true, unsubscribe: true, profile: true, upemail: true, cleaned: true, campaign: false },
        sources: { user: true, admin: true, api: false },
      },
    ]);
    await account.act({ act: 'edit', member, fields: { FNAME: 'Edited', LNAME: 'There' } });
    await until(async () => (await system.api.customers(venueId)).some(({ name }) => name === 'Edited There'), {
      limitMs: 30_000,
      what: 'the change has arrived',
    });
  });

  it('is registered once although the answer to the registration is lost', async () => {
    const venue = await connected();
    await mailchimp().fault({
      match: { path: '/3.0/lists/[^/]+/webhooks', method: 'POST' },
      ...{ kind: 'commit-then-fail', times: 1 },
    });
    const { url, ended } = await open(venue);
    expect(ended).toEqual({ state: 'registered', code: null });
    expect(await urlsAt(venue.account)).toEqual([url]);
  });

  it('follows the address when that is replaced, and goes when the connection does', async () => {
    const venue = await connected();
    await open(venue);
    const { url } = await open(venue);
    await until(async () => (await urlsAt(venue.account)).length === 1, {
      limitMs: 30_000,
      what: 'one webhook is left',
    });
    expect(await urlsAt(venue.account)).toEqual([url]);
    await disconnect(venue);
    expect(await urlsAt(venue.account)).toEqual([]);
    expect(await removals(venue)).toEqual(['ok']);
  });

  it('moves to the audience that is chosen next, at once and with its address', async () => {
    const venue = await consented();
    const { account, venueId, connectionId } = venue;
    await mailchimp().send('POST', '/seed', {
      ...{ resource: 'lists', account: account.id, objects: [{ id: 'second', name: 'Second' }] },
    });
    const accounts = `/v1/venues/${venueId}/connections/${connectionId}/accounts`;
    const choose = async (list: string) => {
      expect(await system.api.tryPut(accounts, { chosen: [list] })).toMatchObject({ status: 200 });
    };
    const isAlone = (list: string) =>
      until(async () => (await webhooksAt(account)).map((webhook) => webhook['list_id']).join() === list, {
        limitMs: 30_000,
        what: `${list} alone has a webhook`,
      });
    await choose(account.list);
    expect(await webhooksAt(account)).toEqual([]);
    const { url } = await open(venue);
    await isAlone(account.list);
    await choose('second');
    await isAlone('second');
    expect(await urlsAt(account)).toEqual([url]);
    await registered(venue, url);
    await choose('second');
    // A registration that still looks for the address would make it anew once the disconnection has removed it.
    await registered(venue, url);
    await disconnect(venue);
    expect(await urlsAt(account)).toEqual([]);
  });

  it('says that its address is gone when somebody has removed it before another audience is chosen', async () => {
    const venue = await consented();
    const { account, path, venueId, connectionId } = venue;
    await open(venue);
    const [webhook] = await webhooksAt(account);
    await account.ask('DELETE', `/webhooks/${String(webhook?.id)}`);
    await system.api.tryPut(`/v1/venues/${venueId}/connections/${connectionId}/accounts`, { chosen: [account.list] });
    const code = async () => (await system.api.get<Endpoint>(path)).registration?.code ?? null;
    expect(await until(code, { limitMs: 30_000, what: 'the address shows why' })).toBe('webhook-address-gone');
  });

  it('that cannot be removed holds up no disconnection, and the audit log tells it', async () => {
    const venue = await connected();
    await open(venue);
    await mailchimp().fault({
      match: { path: '/3.0/lists/[^/]+/webhooks/.+', account: venue.account.id },
      ...{ kind: 'status', status: 403, times: 5 },
    });
    await disconnect(venue);
    expect(await removals(venue)).toEqual(['failed']);
  });
});
