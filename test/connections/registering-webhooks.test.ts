import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createWebhookRegistrationActivities } from '../../activities/connections/webhook-registration.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { RegisterWebhookInput } from '../../contracts/webhook-registration.ts';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import { Secret } from '../../vault/secret.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount } from '../support/sandbox/mailchimp-account.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { useConnectionWorld } from './connection-suite.ts';

/** Where Mailchimp asks for the address before it takes it; answers once it is let go. */
async function aReceiver() {
  const { promise: asked, resolve: ask } = Promise.withResolvers<null>();
  const { promise: held, resolve } = Promise.withResolvers<null>();
  const letGo = () => {
    resolve(null);
  };
  const server = createServer((_request, response) => {
    ask(null);
    void held.then(() => response.end());
  });
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, letGo };
}

describe('a disconnection, while an address is being registered', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const activities = () => createWebhookRegistrationActivities(world.deps);
  const register = (input: RegisterWebhookInput) =>
    new MockActivityEnvironment().run(activities().registerWebhookAddress, input);
  const remove = ({ sealedUrl: _url, pathDigest: _digest, ...ref }: RegisterWebhookInput) =>
    new MockActivityEnvironment().run(activities().removeWebhookAddress, ref);
  const mailchimp = () => mailchimpSandboxControl(world.sandbox.mailchimp);

  /** A connection whose address waits to be registered. */
  async function anAddress(receiverUrl: string) {
    const connected = await world.connect(venueId, 'mailchimp', { account: 'new' });
    const { connectionId, provider } = connected;
    const ref = { venueId, connectionId };
    const accountId = (await world.connectionOf(ref)).account?.id;
    const account = (await mailchimp().accounts()).find(({ id }) => id === accountId) as MailchimpAccount;
    const end = randomBytes(16).toString('hex');
    const digest = createHash('sha256').update(end).digest();
    const entry: AuditEntry = {
      ...{ venueId, actor: 'test', action: 'connection.webhook-endpoint', requestId: null },
      outcome: 'ok',
      ...{ targetType: 'connection', targetId: connectionId },
    };
    await world.deps.webhookEndpoints.setPath(ref, { digest, previousHours: 0, registers: true }, entry);
    const purpose = 'webhook-address';
    const sealed = await world.deps.sealer.seal(new Secret(`${receiverUrl}/${end}`), { ...ref, purpose });
    const sealedUrl = Buffer.from(sealed).toString('base64') as RegisterWebhookInput['sealedUrl'];
    const input: RegisterWebhookInput = { ...ref, provider, sealedUrl, pathDigest: digest.toString('hex') };
    const urls = async () => (await account.objects<{ readonly url: string }>('webhooks')).map(({ url }) => url);
    return { connected, account, input, urls };
  }

  it('leaves no address behind that the provider takes once the disconnection has looked for one', async () => {
    const receiver = await aReceiver();
    const { connected, input, urls } = await anAddress(receiver.url);
    const registering = register(input);
    await receiver.asked;
    expect(await remove(input)).toEqual({ outcome: 'none' });
    receiver.letGo();
    expect(await registering).toEqual({ outcome: 'superseded' });
    expect(await urls()).toEqual([]);
    await world.disconnect(connected);
    expect(await urls()).toEqual([]);
  });

  it('leaves no address behind of an attempt that ended without having noted it', async () => {
    const receiver = await aReceiver();
    receiver.letGo();
    const { account, input, urls } = await anAddress(receiver.url);
    await mailchimp().fault({
      match: { path: '/3.0/lists/[^/]+/webhooks', method: 'POST', account: account.id },
      ...{ kind: 'commit-then-fail', times: 1 },
    });
    await expect(register(input)).rejects.toThrow();
    expect(await urls()).toHaveLength(1);
    expect(await remove(input)).toEqual({ outcome: 'removed' });
    expect(await urls()).toEqual([]);
  });

  it('removes an address that was noted before it began, and lets none be registered after that', async () => {
    const receiver = await aReceiver();
    receiver.letGo();
    const { input, urls } = await anAddress(receiver.url);
    expect(await register(input)).toEqual({ outcome: 'registered' });
    expect(await urls()).toHaveLength(1);
    expect(await remove(input)).toEqual({ outcome: 'removed' });
    await expect(register(input)).rejects.toMatchObject({ nonRetryable: true });
    expect(await urls()).toEqual([]);
  });
});
