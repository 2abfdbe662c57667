import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type mailchimp from '@mailchimp/mailchimp_marketing';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { later } from '../../support/later.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';

// The package itself is one client for a whole process. Its typings lack what is called here beside them.
interface Client {
  basePath: string;
  setConfig(config: { readonly apiKey: string }): void;
  readonly lists: typeof mailchimp.lists & {
    createListWebhook(list: string, body: object): Promise<WireObject>;
    getListWebhook(list: string, id: string): Promise<WireObject>;
    getListWebhooks(list: string): Promise<{ readonly webhooks: readonly WireObject[] }>;
    deleteListWebhook(list: string, id: string): Promise<unknown>;
  };
  readonly reports: { getAllCampaignReports(options: object): Promise<WireObject> };
}
const ApiClient = createRequire(import.meta.url)('@mailchimp/mailchimp_marketing/src/ApiClient.js') as new () => Client;

type WireObject = Readonly<Record<string, unknown>>;

/** A stand-in Mailchimp with Mailchimp's own client. */
async function aClient(keyOf: 'apiKey' | 'viewerKey' = 'apiKey') {
  const sandbox = await startMailchimpSandbox();
  later(() => sandbox.close());
  const control = mailchimpSandboxControl(sandbox);
  const [account] = await control.accounts();
  if (!account) throw new Error('a stand-in Mailchimp has accounts from the start');
  const client = new ApiClient();
  client.basePath = `${sandbox.apiUrl}/3.0`;
  client.setConfig({ apiKey: account[keyOf] });
  return { control, account, lists: client.lists, reports: client.reports, list: account.list };
}

/** The problem that a call of the client was refused with. */
async function refusalOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => expect.unreachable('the request was not refused'),
    (thrown: unknown) => thrown,
  );
  const { status, response } = error as { readonly status: number; readonly response: { readonly body: WireObject } };
  return { ...response.body, status };
}

const HASH = /^[0-9a-f]{32}$/;
const add = { email_address: 'ada@example.com', status: 'subscribed' } as const;

describe('Mailchimp’s own client at the stand-in Mailchimp', () => {
  it('reads audiences, and members in pages', async () => {
    const { lists, list, account } = await aClient();
    await account.seed('members', 5);
    expect(await lists.getAllLists({ count: 10 })).toMatchObject({ lists: [{ id: list }], total_items: 1 });
    const page = (offset: number) =>
      lists.getListMembersInfo(list, {
        count: 2,
        offset,
        fields: ['members.id', 'members.email_address', 'total_items'],
      });
    const pages = await Promise.all([0, 2, 4, 6].map(page));
    const members = pages.map((one) => (one as unknown as { readonly members: readonly WireObject[] }).members);
    expect(members.map(({ length }) => length)).toEqual([2, 2, 1, 0]);
    expect(pages[0]).toMatchObject({ total_items: 5 });
    expect(new Set(members.flat().map(({ id }) => id)).size).toBe(5);
    expect(Object.keys(members[0]?.[0] ?? {}).sort()).toEqual(['email_address', 'id']);
  });

  it('adds, puts, changes, tags, archives and forgets a member', async () => {
    const { lists, list } = await aClient();
    const ada = (await lists.addListMember(list, { ...add, merge_fields: { FNAME: 'Ada' } })) as unknown as WireObject;
    expect(ada).toMatchObject({ id: expect.stringMatching(HASH) as string, merge_fields: { FNAME: 'Ada' } });
    const hash = String(ada['id']);
    expect(
      await lists.setListMember(list, hash, {
        ...{ email_address: add.email_address, status_if_new: 'pending', merge_fields: { LNAME: 'L.' } },
      }),
    ).toMatchObject({ status: 'subscribed', merge_fields: { FNAME: 'Ada', LNAME: 'L.' } });
    expect(await lists.updateListMember(list, hash, { status: 'unsubscribed' })).toMatchObject({
      ...{ status: 'unsubscribed', contact_id: ada['contact_id'] },
    });
    await lists.updateListMemberTags(list, hash, { tags: [{ name: 'vip', status: 'active' }] });
    expect(await lists.getListMemberTags(list, hash)).toMatchObject({ tags: [{ name: 'vip' }], total_items: 1 });
    await lists.deleteListMember(list, hash);
    expect(await lists.getListMember(list, hash)).toMatchObject({ status: 'archived' });
    await lists.deleteListMemberPermanent(list, hash);
    expect(await refusalOf(lists.getListMember(list, hash))).toMatchObject({
      status: 404,
      title: 'Resource Not Found',
    });
  });

  it('adds and updates by one batch, which tells the members that it refuses', async () => {
    const { lists, list } = await aClient();
    await lists.addListMember(list, add);
    const member = (email_address: string) => ({
      ...{ email_address, email_type: 'html' as const, status: 'subscribed' as const },
    });
    const batch = (update_existing: boolean) =>
      lists.batchListMembers(list, {
        ...{ members: [member('ada@example.com'), member('new@example.com'), member('no address')], update_existing },
      });
    expect(await batch(false)).toMatchObject({
      ...{ total_created: 1, total_updated: 0, error_count: 2 },
      new_members: [{ email_address: 'new@example.com' }],
      errors: [
        { email_address: 'ada@example.com', error_code: 'ERROR_CONTACT_EXISTS' },
        { email_address: 'no address', error_code: 'ERROR_GENERIC' },
      ],
    });
    expect(await batch(true)).toMatchObject({ total_created: 0, total_updated: 2, error_count: 1 });
  });

  it('reads merge fields, which members have', async () => {
    const { lists, list, account } = await aClient();
    await account.put('merge-fields', [{ tag: 'SEAT', name: 'Seat', type: 'text' }]);
    const { merge_fields: fields } = (await lists.getListMergeFields(list, { count: 50 })) as unknown as {
      readonly merge_fields: readonly WireObject[];
    };
    expect(fields.map(({ tag }) => tag)).toContain('SEAT');
    expect(await lists.addListMember(list, { ...add, merge_fields: { SEAT: '12' } })).toMatchObject({
      merge_fields: { SEAT: '12' },
    });
  });

  it('is told of a member that is there, of a key that may only look, and of too many connections', async () => {
    const { lists, list, control } = await aClient();
    await lists.addListMember(list, add);
    expect(await refusalOf(lists.addListMember(list, add))).toMatchObject({ status: 400, title: 'Member Exists' });
    const viewer = await aClient('viewerKey');
    expect(await refusalOf(viewer.lists.addListMember(viewer.list, add))).toMatchObject({ status: 403 });
    await control.limits({ connections: 1, latencyMs: 100 });
    const all = await Promise.allSettled([1, 2, 3].map(() => lists.getAllLists()));
    expect(all.filter(({ status }) => status === 'rejected')).not.toEqual([]);
    const refused = all.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as { readonly status: number }] : [],
    );
    expect(refused.map(({ status }) => status)).toContain(429);
  });

  it('reads reports of campaigns', async () => {
    const { reports, account } = await aClient();
    const campaign = (id: string) => ({ id, title: id, sentAt: '2026-03-05T10:00:00Z', figures: { emails_sent: 100 } });
    await account.put('campaigns', [campaign('one'), campaign('two')]);
    expect(await reports.getAllCampaignReports({ count: 1 })).toMatchObject({
      ...{ reports: [{ emails_sent: 100 }], total_items: 2 },
    });
  });
});
