import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { later } from '../../support/later.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount, MailchimpAnswer } from '../../support/sandbox/mailchimp-account.ts';

/** MD5 of `urist.mcvankab@freddiesjokes.com`, https://developer.mailchimp.com/documentation/mailchimp/guides/manage-subscribers-with-the-mailchimp-api/ (2026-11). */
const URIST = { address: 'Urist.McVankab@freddiesjokes.com', hash: '62eeb292278cc15f5817cb78f7790b08' };

async function aMailchimp() {
  const sandbox = await startMailchimpSandbox();
  later(() => sandbox.close());
  const control = mailchimpSandboxControl(sandbox);
  const [account] = await control.accounts();
  if (!account) throw new Error('a stand-in Mailchimp has accounts from the start');
  return { ...sandbox, control, account };
}

const refusalOf = ({ status, body }: MailchimpAnswer) => {
  const { title, detail, errors } = body as { title?: string; detail?: string; errors?: readonly object[] };
  return { status, title, detail, errors };
};
const add = (account: MailchimpAccount, body: object) =>
  account.ask('POST', '/members', { email_address: 'ada@example.com', status: 'subscribed', ...body });

describe('a member at the stand-in Mailchimp', () => {
  it('is found by its contact id, the hash of its address in lower case, and the address, until the address changes', async () => {
    const { account } = await aMailchimp();
    const { body } = await add(account, { email_address: URIST.address });
    expect(body).toMatchObject({ id: URIST.hash, email_address: URIST.address, status: 'subscribed' });
    const contact = String(body['contact_id']);
    for (const name of [contact, URIST.hash, URIST.address.toLowerCase()])
      expect((await account.ask('GET', `/members/${name}`)).body).toMatchObject({ contact_id: contact });
    await account.ask('PATCH', `/members/${contact}`, { email_address: 'new@example.com' });
    expect((await account.ask('GET', `/members/${contact}`)).body).toMatchObject({ email_address: 'new@example.com' });
    expect((await account.ask('GET', `/members/${URIST.hash}`)).status).toBe(404);
  });

  it('is added once, and put as often as one likes', async () => {
    const { account } = await aMailchimp();
    const put = (body: object) =>
      account.ask('PUT', `/members/${URIST.hash}`, { email_address: URIST.address, ...body });
    expect(refusalOf(await put({}))).toMatchObject({ status: 400, title: 'Invalid Resource' });
    expect((await put({ status_if_new: 'pending' })).body).toMatchObject({ status: 'pending' });
    expect((await put({ status_if_new: 'subscribed' })).body).toMatchObject({ status: 'pending' });
    expect(refusalOf(await add(account, { email_address: URIST.address.toUpperCase() }))).toMatchObject({
      status: 400,
      title: 'Member Exists',
    });
  });

  it.each([
    [{ email_address: 'not an address' }, 'Please provide a valid email address.'],
    [
      { email_address: 'fake@example.com' },
      'fake@example.com looks fake or invalid, please enter a real email address.',
    ],
  ])('is refused with %j', async (given, detail) => {
    const { account } = await aMailchimp();
    expect(refusalOf(await add(account, given))).toMatchObject({ status: 400, title: 'Invalid Resource', detail });
  });

  it.each([
    [{ ADDRESS: { addr1: '1 High Street', city: 'London' } }, 'ADDRESS', 'Please enter a complete address'],
    [{ BIRTHDAY: 'yesterday' }, 'BIRTHDAY', 'Please enter a month (01-12) and a day (01-31)'],
    [{ FNAME: '' }, 'FNAME', 'Please enter a value'],
  ])('is refused with the merge fields %j', async (merge_fields, field, message) => {
    const { account } = await aMailchimp();
    await account.put('merge-fields', [
      { tag: 'FNAME', name: 'First Name', type: 'text', required: field === 'FNAME' },
    ]);
    expect(refusalOf(await add(account, { merge_fields }))).toMatchObject({
      ...{ status: 400, title: 'Invalid Resource', detail: 'Your merge fields were invalid.' },
      errors: [{ field, message }],
    });
  });

  it('has the country of its address as a code, and no merge field that the audience lacks', async () => {
    const { account } = await aMailchimp();
    const address = { addr1: '1 High Street', city: 'London', state: 'LND', zip: 'N1 1AA' };
    const merge_fields = { ADDRESS: { ...address, country: 'United Kingdom' }, OTHER: 'x' };
    const { body } = await add(account, { merge_fields });
    expect(body['merge_fields']).toMatchObject({ ADDRESS: { ...address, addr2: '', country: 'GB' } });
    expect(body['merge_fields']).not.toHaveProperty('OTHER');
  });

  it('that has left is subscribed by nobody but itself, one that a client has unsubscribed by any client', async () => {
    const { account } = await aMailchimp();
    const { contact_id: id } = (await add(account, {})).body;
    const set = (status: string) => account.ask('PATCH', `/members/${String(id)}`, { status });
    await set('unsubscribed');
    expect((await set('subscribed')).body).toMatchObject({ status: 'subscribed' });
    await account.act({ act: 'unsubscribe', member: id });
    expect(refusalOf(await set('subscribed'))).toMatchObject({
      ...{ status: 400, title: 'Member In Compliance State' },
      detail:
        'ada@example.com is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.',
    });
    expect(await account.objects('side-effects')).toMatchObject([
      { kind: 'welcome-automation' },
      { kind: 'resubscribed' },
    ]);
  });

  it('is archived by a deletion and may be added again, and is forgotten by a permanent one and may not', async () => {
    const { account } = await aMailchimp();
    const { contact_id: id } = (await add(account, {})).body;
    expect((await account.ask('DELETE', `/members/${String(id)}`)).status).toBe(204);
    expect((await account.ask('GET', '/members')).body).toMatchObject({ total_items: 0 });
    expect((await account.ask('GET', '/members?status=archived')).body).toMatchObject({ total_items: 1 });
    expect((await add(account, {})).body).toMatchObject({ contact_id: id, status: 'subscribed' });
    await account.ask('POST', `/members/${String(id)}/actions/delete-permanent`, {});
    expect(refusalOf(await add(account, {}))).toMatchObject({ status: 400, title: 'Forgotten Email Not Subscribed' });
  });
});

describe('lists of the stand-in Mailchimp', () => {
  it('have ten members a page by default and a thousand at most, those that changed since, and only the named fields', async () => {
    const { account, control } = await aMailchimp();
    const ids = await account.seed('members', 12);
    const page = async (query: string) => (await account.ask('GET', `/members?${query}`)).body['members'] as object[];
    expect(await page('')).toHaveLength(10);
    expect(await page('offset=10&count=1000&fields=members.contact_id')).toEqual(
      ids.slice(10).map((contact_id) => ({ contact_id })),
    );
    expect(refusalOf(await account.ask('GET', '/members?count=1001')).status).toBe(400);
    const since = new Date(Date.now() + 5_000).toISOString();
    await control.clock(10_000);
    await account.act({ act: 'edit', member: ids[3], fields: { FNAME: 'New' } });
    expect(await page(`since_last_changed=${encodeURIComponent(since)}`)).toMatchObject([{ contact_id: ids[3] }]);
    expect((await page('sort_field=last_changed&sort_dir=DESC'))[0]).toMatchObject({ contact_id: ids[3] });
  });

  it('take 500 members, with an error of its own for each that is refused', async () => {
    const { account } = await aMailchimp();
    const batch = (members: object[], more = {}) => account.ask('POST', '', { members, ...more });
    const member = (email_address: string) => ({ email_address, status: 'subscribed' });
    expect(
      refusalOf(await batch(Array.from({ length: 501 }, (_, index) => member(`${index}@example.com`)))).status,
    ).toBe(400);
    await batch([member('ada@example.com')]);
    const { body } = await batch([
      member('ADA@example.com'),
      member('x'),
      member('b@example.com'),
      member('b@example.com'),
    ]);
    expect(body).toMatchObject({
      ...{ total_created: 1, total_updated: 0, error_count: 3 },
      new_members: [{ email_address: 'b@example.com' }],
      errors: [
        { error_code: 'ERROR_CONTACT_EXISTS' },
        { error_code: 'ERROR_GENERIC' },
        { error_code: 'ERROR_GENERIC' },
      ],
    });
    const update = await batch([{ email_address: 'ada@example.com', merge_fields: { FNAME: 'Ada' } }], {
      update_existing: true,
    });
    expect(update.body).toMatchObject({ updated_members: [{ status: 'subscribed', merge_fields: { FNAME: 'Ada' } }] });
  });

  it('answer an unknown audience with 404, a user who may only look with 403, and one connection too many with 429', async () => {
    const { apiUrl, account, control } = await aMailchimp();
    const ask = (path: string, key: string, method = 'GET') =>
      fetch(`${apiUrl}/3.0/lists${path}`, { method, headers: { authorization: `Bearer ${key}` } });
    expect((await ask('/nowhere/members', account.apiKey)).status).toBe(404);
    expect((await ask(`/${account.list}/members`, account.viewerKey)).status).toBe(200);
    expect((await ask(`/${account.list}/members`, account.viewerKey, 'POST')).status).toBe(403);
    await control.limits({ latencyMs: 300 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask('', account.apiKey)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(10).fill(200), 429, 429]);
    expect(answers.every(({ headers }) => headers.get('retry-after') === null)).toBe(true);
  });
});

describe('webhooks of the stand-in Mailchimp', () => {
  it('are forms without a signature, sent to an address that answered GET with 200', async () => {
    const { account, control } = await aMailchimp();
    const received: { readonly method: string; readonly type: string; readonly body: string }[] = [];
    let check = 404;
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        const type = req.headers['content-type'] ?? '';
        received.push({ method: req.method ?? '', type, body: Buffer.concat(chunks).toString() });
        res.writeHead(req.method === 'GET' ? check : 200).end();
      });
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    later(() => new Promise((closed) => server.close(closed)));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret`;
    await expect(control.send('POST', '/webhooks', { url })).rejects.toThrow('webhook-refused');
    check = 200;
    await control.send('POST', '/webhooks', { url, account: account.id });
    const [id] = await account.put('members', [{ email_address: 'ada@example.com' }]);
    await account.act({ act: 'change-address', member: id, email: 'new@example.com' });
    await account.act({ act: 'bounce', member: id });
    const posts = received.filter(({ method }) => method === 'POST');
    expect(posts.every(({ type }) => type === 'application/x-www-form-urlencoded')).toBe(true);
    const forms = posts.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
    expect(forms.map(({ type }) => type)).toEqual(['upemail', 'profile', 'cleaned']);
    expect(forms[0]).toMatchObject({
      ...{ 'data[old_email]': 'ada@example.com', 'data[new_email]': 'new@example.com', 'data[list_id]': account.list },
      fired_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/) as string,
    });
    expect(forms[1]).toMatchObject({ 'data[merges][EMAIL]': 'new@example.com' });
  });
});
