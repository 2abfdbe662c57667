import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { later } from '../../support/later.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';

async function aMailchimp() {
  const sandbox = await startMailchimpSandbox();
  later(() => sandbox.close());
  const control = mailchimpSandboxControl(sandbox);
  return { control, account: await control.addAccount() };
}

/** An address that answers GET with this status, and keeps what is posted to it. */
async function aReceiver(status = 200) {
  const received: string[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      if (req.method === 'POST') received.push(Buffer.concat(chunks).toString('utf8'));
      res.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  later(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, received };
}

const ALL = { subscribe: true, unsubscribe: true, profile: true, cleaned: true, upemail: true, campaign: true };
const typesIn = (received: readonly string[]) => received.map((form) => new URLSearchParams(form).get('type'));

describe('a webhook of an audience at the stand-in Mailchimp', () => {
  it('is taken where its address answers GET with 200, and once for each address', async () => {
    const { account } = await aMailchimp();
    const [{ url }, broken] = [await aReceiver(), await aReceiver(404)];
    const body = { events: ALL, sources: { user: true, admin: true, api: false } };
    const add = (address: string) => account.ask('POST', '/webhooks', { url: address, ...body });
    expect(await add(broken.url)).toMatchObject({
      status: 400,
      body: {
        title: 'Invalid Resource',
        errors: [{ field: 'url', message: expect.stringMatching(/^We couldn't verify the URL is working/) as string }],
      },
    });
    const made = await add(url);
    expect(made).toMatchObject({ status: 200, body: { url, ...body, list_id: account.list } });
    expect((await add(url)).status).toBe(400);
    expect((await account.ask('GET', '/webhooks')).body).toMatchObject({ webhooks: [made.body], total_items: 1 });
    const path = `/webhooks/${String(made.body['id'])}`;
    expect((await account.ask('DELETE', path)).status).toBe(204);
    expect((await account.ask('DELETE', path)).status).toBe(404);
  });

  it('gets the events that it asks for, of what people do and not of the API', async () => {
    const { account } = await aMailchimp();
    const [all, some, ofApi] = [await aReceiver(), await aReceiver(), await aReceiver()];
    const add = (url: string, events: object, sources: object) =>
      account.ask('POST', '/webhooks', { url, events, sources });
    await add(all.url, ALL, { user: true, admin: true });
    await add(some.url, { upemail: true }, { admin: true });
    await add(ofApi.url, ALL, { api: true });
    const [member = ''] = await account.seed('members', 1);
    await account.act({ act: 'change-address', member, email: 'new@example.com' });
    await account.ask('PATCH', `/members/${member}`, { merge_fields: { FNAME: 'By the API' } });
    expect([typesIn(all.received), typesIn(some.received), typesIn(ofApi.received)]).toEqual([
      ['upemail', 'profile'],
      ['upemail'],
      [],
    ]);
  });
});
