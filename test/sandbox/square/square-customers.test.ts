import { SquareClient } from 'square';
import { describe, expect, it } from 'vitest';
import { aHome } from '../support.ts';
import { aSquare, refusalOf } from './square-support.ts';

describe('the stand-in Square', () => {
  it('refuses a token that it does not know, and one whose scopes do not cover the endpoint', async () => {
    const { apiUrl } = await aSquare();
    const stranger = new SquareClient({ baseUrl: apiUrl, token: 'EAAAEnobody', maxRetries: 0 });
    expect(await refusalOf(stranger.customers.search())).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });

  it('lists 100 customers a page, through every page once, and an empty object where there are none', async () => {
    const { square, merchant, apiUrl } = await aSquare();
    const raw = await fetch(`${apiUrl}/v2/customers`, { headers: { authorization: `Bearer ${merchant.token}` } });
    expect(await raw.json()).toEqual({});
    const ids = await merchant.seed('customers', 250);
    const found: string[] = [];
    for await (const { id } of await square.customers.list()) found.push(id ?? '');
    expect([...found].sort()).toEqual([...ids].sort());
    const page = await square.customers.search({ limit: 100n, count: true });
    expect([page.customers?.length, page.count]).toEqual([100, 250n]);
  });

  it('takes a cursor for five minutes, and only with the query that made it', async () => {
    const { square, merchant, control } = await aSquare();
    await merchant.seed('customers', 30);
    const query = { sort: { field: 'CREATED_AT', order: 'ASC' } } as const;
    const { cursor = '' } = await square.customers.search({ limit: 10n, query });
    const gone = { status: 400, code: 'INVALID_CURSOR', field: 'cursor' };
    expect(await refusalOf(square.customers.search({ limit: 10n, cursor }))).toMatchObject(gone);
    expect(await refusalOf(square.customers.search({ limit: 11n, query, cursor }))).toMatchObject(gone);
    expect(await refusalOf(square.customers.search({ limit: 10n, query, cursor: 'x' }))).toMatchObject(gone);
    await control.clock(5 * 60_000 - 10_000);
    expect((await square.customers.search({ limit: 10n, query, cursor })).customers).toHaveLength(10);
    await control.clock(5 * 60_000);
    expect(await refusalOf(square.customers.search({ limit: 10n, query, cursor }))).toMatchObject(gone);
  });

  it('orders by creation, and filters by creation, change, e-mail address and reference', async () => {
    const { square, merchant } = await aSquare();
    const at = (day: number) => `2026-11-0${day}T10:00:00.000Z`;
    await merchant.put('customers', [
      { id: 'B', given_name: 'B', created_at: at(2), updated_at: at(5), reference_id: 'r-1' },
      { id: 'A', given_name: 'A', created_at: at(1), updated_at: at(6), email_address: 'Ada@example.com' },
      { id: 'C', given_name: 'C', created_at: at(3), updated_at: at(3) },
    ]);
    const idsOf = async (filter: object, order: 'ASC' | 'DESC' = 'ASC') =>
      (await square.customers.search({ query: { filter, sort: { field: 'CREATED_AT', order } } })).customers?.map(
        ({ id }) => id,
      ) ?? [];
    expect(await idsOf({})).toEqual(['A', 'B', 'C']);
    expect(await idsOf({}, 'DESC')).toEqual(['C', 'B', 'A']);
    expect(await idsOf({ createdAt: { startAt: at(2) } })).toEqual(['B', 'C']);
    expect(await idsOf({ updatedAt: { startAt: at(4), endAt: at(5) } })).toEqual(['B']);
    expect(await idsOf({ emailAddress: { exact: 'ada@EXAMPLE.com' } })).toEqual(['A']);
    expect(await idsOf({ referenceId: { exact: 'r-1' } })).toEqual(['B']);
  });

  it('refuses what it does not simulate and limits that Square does not allow', async () => {
    const { square } = await aSquare();
    const fuzzy = { query: { filter: { phoneNumber: { fuzzy: '1' } } } };
    expect(await refusalOf(square.customers.search(fuzzy))).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(await refusalOf(square.customers.search({ limit: 0n }))).toMatchObject({ code: 'VALUE_TOO_LOW' });
    expect(await refusalOf(square.customers.search({ limit: 101n }))).toMatchObject({ code: 'VALUE_TOO_HIGH' });
  });

  it('creates, updates in parts, counts versions, refuses a stale one, and deletes', async () => {
    const { square } = await aSquare();
    const { customer } = await square.customers.create({ givenName: 'Ada', companyName: 'Engines', note: 'n' });
    expect(customer).toMatchObject({ givenName: 'Ada', version: 0n });
    const customerId = customer?.id ?? '';
    const updated = await square.customers.update({ customerId, companyName: null, familyName: 'Lovelace' });
    expect(updated.customer).toMatchObject({ givenName: 'Ada', familyName: 'Lovelace', version: 1n });
    expect(updated.customer?.companyName).toBeUndefined();
    expect(await refusalOf(square.customers.update({ customerId, note: 'x', version: 0n }))).toMatchObject({
      status: 409,
      code: 'CONFLICT',
    });
    await square.customers.delete({ customerId });
    expect(await refusalOf(square.customers.get({ customerId }))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await refusalOf(square.customers.create({ note: 'nobody' }))).toMatchObject({ status: 400 });
  });

  it('merges profiles into a new one, which their ids retrieve and cannot change', async () => {
    const { square, merchant } = await aSquare();
    const [one = '', other = ''] = await merchant.seed('customers', 2);
    const { customer: first } = await square.customers.get({ customerId: one });
    await square.customers.update({ customerId: other, note: 'n' });
    const id = await merchant.merge(one, other);
    const merged = { id, emailAddress: first?.emailAddress, note: 'n', creationSource: 'MERGE', version: 0n };
    expect((await square.customers.search()).customers).toMatchObject([merged]);
    for (const customerId of [id, one, other])
      expect((await square.customers.get({ customerId })).customer).toMatchObject(merged);
    const { responses } = await square.customers.bulkRetrieveCustomers({ customerIds: [one, other] });
    expect(responses).toMatchObject({ [one]: { customer: merged }, [other]: { customer: merged } });
    const gone = { status: 404, code: 'NOT_FOUND' };
    expect(await refusalOf(square.customers.update({ customerId: one, note: 'x' }))).toMatchObject(gone);
    expect(await refusalOf(square.customers.delete({ customerId: other }))).toMatchObject(gone);
  });

  it('keeps one merchant’s customers from another, and all of them over a restart', async () => {
    const home = aHome();
    const first = await aSquare({ home });
    const [one, other] = await first.control.merchants();
    const ids = await one!.seed('customers', 3);
    expect((await other!.client.customers.search()).customers).toBeUndefined();
    expect(await refusalOf(other!.client.customers.get({ customerId: ids[0] ?? '' }))).toMatchObject({ status: 404 });
    await first.close();
    const second = await aSquare({ home });
    expect((await second.square.customers.search()).customers?.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  it('throttles a merchant above its limit and no other one, with Square’s own error', async () => {
    const { control } = await aSquare();
    const [one, other] = await control.merchants();
    await control.limits({ requestsPerSecond: 0.001, burst: 1 });
    await one!.client.customers.search();
    expect(await refusalOf(one!.client.customers.search())).toMatchObject({
      status: 429,
      category: 'RATE_LIMIT_ERROR',
      code: 'RATE_LIMITED',
    });
    await expect(other!.client.customers.search()).resolves.toBeDefined();
  });

  it('repeats, skips and shortens pages on demand', async () => {
    const { control, merchant, square } = await aSquare();
    const ids = await merchant.seed('customers', 30);
    const query = { sort: { field: 'CREATED_AT', order: 'ASC' } } as const;
    const page = async (kind: string | null, cursor?: string) => {
      if (kind !== null) await control.fault({ kind, times: 1 });
      const { customers = [], cursor: next } = await square.customers.search({
        limit: 10n,
        query,
        ...(cursor !== undefined && { cursor }),
      });
      return { ids: customers.map(({ id }) => id), next };
    };
    const first = await page(null);
    expect(first.ids).toEqual(ids.slice(0, 10));
    expect((await page('page-repeat', first.next)).ids).toEqual(ids.slice(0, 10));
    expect((await page('page-skip', first.next)).ids).toEqual(ids.slice(20, 30));
    expect((await page('page-shrink', first.next)).ids).toEqual(ids.slice(10, 15));
  });
});
