import { describe, expect, it } from 'vitest';
import { readReportWorkflowId } from '../../contracts/reports.ts';
import type { ReadReportResult } from '../../contracts/reports.ts';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import { createReportAnswerStore } from '../../db/reports/report-answer-store.ts';
import { useConnectionWorld } from '../connections/connection-suite.ts';
import { textOf } from '../support/history.ts';
import { quickbooksSandboxControl } from '../support/sandbox/quickbooks-company.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';

const RANGE = { from: '2026-01-01', to: '2026-03-31' };
const REPORTS = { path: '.*/reports/.*' };

const sale = (id: string, day: string, { amount, name = 'Zum Anker' }: { amount: number; name?: string }) => ({
  ...{ Id: id, SyncToken: '0', TxnDate: day, DocNumber: id, TotalAmt: amount, PrivateNote: name },
  Line: [
    { Amount: amount, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: { ItemRef: { value: '1' } } },
    { Amount: amount, DetailType: 'SubTotalLineDetail', SubTotalLineDetail: {} },
  ],
});

describe('a report of a QuickBooks company', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const control = () => quickbooksSandboxControl(world.sandbox.quickbooks);
  const answers = () => createReportAnswerStore(world.database.db);
  async function connect() {
    const connected = await world.connect(venueId, 'quickbooks', { account: 'new' });
    expect(connected.outcome).toMatchObject({ outcome: 'connected' });
    const account = (await world.connectionOf(connected)).account?.id ?? '';
    return { ...connected, account };
  }
  const book = (account: string, objects: readonly object[], resource = 'Invoice') =>
    control().send('POST', '/seed', { resource, account, objects });
  const read = ({ connectionId, venueId: venue }: ConnectionRef, report = 'profit-and-loss', days = RANGE) =>
    world.reportGateway.read({ venueId: venue, connectionId, provider: 'quickbooks', report, ...days });
  async function rowsOf(ref: ConnectionRef, result: ReadReportResult) {
    if (result.outcome !== 'read') throw new Error(`refused: ${result.refusal}`);
    return (await answers().find(ref, result.answerId))?.content.rows.map(({ cells }) => cells) ?? null;
  }
  const callsOf = async (account: string) => {
    const { data } = await control().send<{ readonly data: readonly { readonly path: string }[] }>(
      'GET',
      `/calls?since=0&account=${account}`,
    );
    return data.filter(({ path }) => path.includes('/reports/'));
  };

  it.each<[string, object, object]>([
    [
      'is throttled',
      { kind: 'status', status: 429, retryAfter: 30 },
      { refusal: 'rate-limited', retryAfterMs: 30_000 },
    ],
    ['breaks off each time', { kind: 'reset', times: 2 }, { refusal: 'provider-unavailable' }],
    ['is in trouble each time', { kind: 'status', status: 503, times: 2 }, { refusal: 'provider-unavailable' }],
    ['answers with a web page', { kind: 'html', status: 200, times: 2 }, { refusal: 'provider-unexpected' }],
    [
      'answers a fault inside 200',
      { kind: 'status', status: 500, body: 'inside-success' },
      { refusal: 'provider-refused', httpStatus: 200, code: '6190' },
    ],
  ])('is not told when QuickBooks %s, and the connection stays as it is', async (_what, fault, told) => {
    const connected = await connect();
    await world.control.quickbooks.fault({ match: REPORTS, times: 1, ...fault });
    expect(await read(connected)).toMatchObject({ outcome: 'refused', ...told });
    expect(await world.connectionOf(connected)).toMatchObject({ state: 'active' });
    await world.database.admin`delete from provider_circuits`;
    await world.database.admin`delete from provider_budgets`;
  });

  it('is asked for once more when QuickBooks fails once', async () => {
    const connected = await connect();
    await world.control.quickbooks.fault({ match: REPORTS, kind: 'status', status: 503, times: 1 });
    expect(await read(connected)).toMatchObject({ outcome: 'read' });
    expect(await callsOf(connected.account)).toHaveLength(2);
  });

  it('is not told by an access that was taken back, and the connection says so', async () => {
    const connected = await connect();
    await world.control.quickbooks.revoke(connected.account);
    expect(await read(connected)).toMatchObject({ outcome: 'refused', refusal: 'access-refused' });
    await world.reaches(connected, 'needs-reauth');
  });

  it('is told by a token that has ended: it is renewed first', async () => {
    const connected = await connect();
    await world.control.quickbooks.expire(connected.account);
    expect(await read(connected)).toMatchObject({ outcome: 'read' });
  });

  it('is the own company’s alone, of two venues with equal ids there', async () => {
    const one = await connect();
    await book(one.account, [sale('1', '2026-02-01', { amount: 10.5 })]);
    venueId = await world.aVenue();
    const other = await connect();
    await book(other.account, [sale('1', '2026-02-01', { amount: 99.99 })]);
    const [ofOne, ofOther] = [await read(one), await read(other)];
    expect(await rowsOf(one, ofOne)).toContainEqual(['Net Income', '10.50']);
    expect(await rowsOf(other, ofOther)).toContainEqual(['Net Income', '99.99']);
    expect(await rowsOf(other, ofOne)).toBeNull();
    expect(await rowsOf({ ...one, venueId: other.venueId }, ofOne)).toBeNull();
  });

  it('counts as one read, and callers at the same time share it', async () => {
    const connected = await connect();
    await book(connected.account, [sale('1', '2026-02-01', { amount: 3 })]);
    const before = (await control().metering()).corePlus;
    const results = await Promise.all([read(connected), read(connected), read(connected)]);
    expect(new Set(results.map((result) => result.outcome === 'read' && result.answerId)).size).toBe(1);
    expect((await control().metering()).corePlus).toBe(before + 1);
    expect(await rowsOf(connected, results[0])).toContainEqual(['Net Income', '3.00']);
  });

  it('leaves no name or amount in a workflow’s history, where whoever sees the Temporal Web UI would read it', async () => {
    const connected = await connect();
    await book(connected.account, [sale('1', '2026-02-01', { amount: 77.13, name: 'Ada Lovelace' })]);
    const result = await read(connected, 'general-ledger');
    expect(JSON.stringify(await rowsOf(connected, result))).toMatch(/Ada Lovelace.*77\.13/);
    const handle = world.client.workflow.getHandle(
      readReportWorkflowId(connected.connectionId, 'general-ledger', RANGE),
    );
    const history = textOf(await handle.fetchHistory());
    expect(history).toContain('fetchReport');
    expect(history).not.toMatch(/\bAda\b|77\.13/);
  });

  it('waits for no provider that is known to be down: the answer says when to ask again', async () => {
    const connected = await connect();
    await world.control.quickbooks.fault({ match: REPORTS, kind: 'status', status: 503, times: 10 });
    for (let asked = 0; asked < 3; asked += 1) await read(connected);
    await world.database.admin`update provider_circuits set retry_at = now() + interval '1 minute'`;
    const before = (await callsOf(connected.account)).length;
    const result = await read(connected);
    expect(result).toMatchObject({ outcome: 'refused', refusal: 'provider-unavailable', code: 'circuit-open' });
    expect(result).toMatchObject({ retryAfterMs: expect.any(Number) as number });
    expect(await callsOf(connected.account)).toHaveLength(before);
    await world.database.admin`delete from provider_circuits`;
  });
});

describe('a report of a Mailchimp account', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  it('has what belongs to the audiences that the venue has chosen', async () => {
    const connected = await world.connect(venueId, 'mailchimp', { account: 'new' });
    const account = (await world.connectionOf(connected)).account?.id ?? '';
    const seed = (resource: string, objects: readonly object[]) =>
      world.control.mailchimp.send('POST', '/seed', { resource, account, objects });
    const lists = ['bar', 'shop'];
    const sentAt = '2026-02-01T00:00:00Z';
    await seed(
      'lists',
      lists.map((id) => ({ id, name: id })),
    );
    await seed(
      'campaigns',
      lists.map((list) => ({ id: `c-${list}`, title: list, list, sentAt })),
    );
    const read = async () => {
      const { connectionId } = connected;
      const result = await world.reportGateway.read({
        ...{ venueId, connectionId, provider: 'mailchimp', report: 'campaigns', ...RANGE },
      });
      if (result.outcome !== 'read') throw new Error(`refused: ${result.refusal}`);
      const found = await createReportAnswerStore(world.database.db).find(connected, result.answerId);
      return found?.content.rows.map(({ externalId }) => externalId);
    };
    expect(await read()).toEqual(['c-bar', 'c-shop']);
    await world.database
      .admin`update connections set chosen_accounts = '["shop"]' where id = ${connected.connectionId}`;
    expect(await read()).toEqual(['c-shop']);
  });
});
