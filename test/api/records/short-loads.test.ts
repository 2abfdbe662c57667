import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { until } from '../../support/eventually.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let batch: string;
let keys = 0;

beforeAll(async () => {
  api = await createApiWorld();
  const { admin } = api.database;
  await admin`create table steps (at bigserial, transaction xid8 not null, step text not null)`;
  await admin`grant insert on steps to interlock_app`;
  await admin`grant usage on steps_at_seq to interlock_app`;
  await admin`
    create function note_step() returns trigger language plpgsql as
      $$ begin insert into steps (transaction, step) values (pg_current_xact_id(), tg_op || ' ' || tg_table_name); return null; end $$`;
  for (const table of ['customers', 'audit_log', 'idempotency_keys'])
    await admin`create trigger steps after insert or update or delete on ${admin(table)} for each row execute function note_step()`;
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  batch = `/v1/venues/${venueId}/records/customers/batch`;
  await api.database.admin`truncate steps`;
});
afterEach(() => api.database.admin`alter table audit_log drop constraint if exists refuses_every_row`);

const aHeader = () => ({ 'idempotency-key': `short ${(keys += 1)}` });
const load = (records: readonly object[], headers: Readonly<Record<string, string>>, query = '') =>
  api.send('POST', batch + query, { json: { records }, headers });

/** What was written, by transaction, in the order of the transactions' first writes. */
async function transactions(): Promise<string[]> {
  const rows = await api.database.admin<{ steps: string }[]>`
    select string_agg(distinct step, ', ' order by step) as steps from steps group by transaction order by min(at)`;
  return rows.map(({ steps }) => steps);
}

const count = async (table: 'customers' | 'audit_log') =>
  Number(
    (await api.database.admin`select count(*) from ${api.database.admin(table)} where venue_id = ${venueId}`)[0]?.[
      'count'
    ],
  );

describe('a short load with an Idempotency-Key', () => {
  it('claims its key with its records, and stores its answer with its audit row', async () => {
    expect(await load([{ sourceId: 'a', name: 'One' }], aHeader())).toMatchObject({
      status: 200,
      json: { created: 1 },
    });
    expect(await transactions()).toEqual([
      'INSERT customers, INSERT idempotency_keys',
      'INSERT audit_log, UPDATE idempotency_keys',
    ]);
  });

  it('writes nothing when it is repeated, and gets its first answer', async () => {
    const headers = aHeader();
    const first = await load([{ sourceId: 'a', name: 'One' }], headers);
    await api.database.admin`truncate steps`;
    const again = await load([{ sourceId: 'a', name: 'One' }], headers);
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
    expect(await transactions()).toEqual([]);
  });

  it('writes nothing with a key that another body has used', async () => {
    const headers = aHeader();
    await load([{ sourceId: 'a', name: 'One' }], headers);
    await api.database.admin`truncate steps`;
    expect(await load([{ sourceId: 'b', name: 'Two' }], headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
    expect(await load([{ sourceId: 'a', name: 'One' }], headers, '?atomic=false')).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
    expect(await transactions()).toEqual([]);
    expect(await count('customers')).toBe(1);
  });

  it('claims its key first when its records are all bad, too many for one write, or atomic', async () => {
    expect(await load([{ bad: 1 }], aHeader())).toMatchObject({ status: 200, json: { rejected: 1 } });
    expect(await transactions()).toEqual(['INSERT idempotency_keys', 'INSERT audit_log, UPDATE idempotency_keys']);

    await api.database.admin`truncate steps`;
    const many = Array.from({ length: 12 }, (_, index) => ({ sourceId: `many-${index}` }));
    expect(await load(many, aHeader())).toMatchObject({ status: 200, json: { created: 12 } });
    expect(await transactions()).toEqual([
      'INSERT idempotency_keys',
      'INSERT customers',
      'INSERT audit_log, UPDATE idempotency_keys',
    ]);

    await api.database.admin`truncate steps`;
    expect(await load([{ sourceId: 'atomic' }], aHeader(), '?atomic=true')).toMatchObject({ status: 200 });
    expect(await transactions()).toEqual([
      'INSERT idempotency_keys',
      'INSERT audit_log, INSERT customers',
      'UPDATE idempotency_keys',
    ]);
  });

  it('is done once by ten requests at the same time, which all get one answer', async () => {
    const headers = aHeader();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => load([{ sourceId: 'a', name: 'One' }], headers)),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.filter((one) => one.headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await count('audit_log')).toBe(1);
  });

  it('lets a repeat wait while its first request waits for a record', async () => {
    await load([{ sourceId: 'a', name: 'One' }], aHeader());
    const [held, isHeld] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    onTestFinished(() => {
      held.resolve(undefined);
    });
    const holding = api.database.admin.begin(async (tx) => {
      await tx`select from customers where venue_id = ${venueId} for update`;
      isHeld.resolve(undefined);
      await held.promise;
    });
    await isHeld.promise;
    const headers = aHeader();
    const first = load([{ sourceId: 'a', name: 'Two' }], headers);
    await until(() => api.database.someoneWaits(), { limitMs: 20_000, what: 'the first request waits' });
    const second = load([{ sourceId: 'a', name: 'Two' }], headers);
    const waiting = async () =>
      (
        await api.database
          .admin`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      ).length >= 2;
    await until(waiting, { limitMs: 20_000, what: 'the second request waits' });
    held.resolve(undefined);
    await holding;
    const answers = await Promise.all([first, second]);
    expect(answers[0]).toMatchObject({ status: 200, json: { updated: 1 } });
    expect(answers[1].text).toBe(answers[0].text);
    expect(await count('audit_log')).toBe(2);
  });

  it('is done again when the process of the first request died before its answer was stored', async () => {
    const headers = aHeader();
    await load([{ sourceId: 'a', name: 'One' }], headers);
    await api.database
      .admin`update idempotency_keys set status = null, answer = null, locked_until = now() - interval '1 second'`;
    expect(await load([{ sourceId: 'a', name: 'One' }], headers)).toMatchObject({
      status: 200,
      json: { created: 0, unchanged: 1 },
    });
    expect(await load([{ sourceId: 'a', name: 'One' }], headers)).toMatchObject({ json: { unchanged: 1 } });
  });

  it('claims nothing when its records cannot be written, so that a repeat writes them', async () => {
    const headers = aHeader();
    await api.database.admin`alter table customers add constraint refuses_every_row check (false) not valid`;
    const refused = await load([{ sourceId: 'a' }], headers);
    await api.database.admin`alter table customers drop constraint refuses_every_row`;
    expect(refused.status).toBe(500);
    expect(await transactions()).toEqual([]);
    expect(await load([{ sourceId: 'a' }], headers)).toMatchObject({ status: 200, json: { created: 1 } });
  });

  it('is answered, and its answer stored, also when its audit row cannot be written, which is logged', async () => {
    await api.database.admin`alter table audit_log add constraint refuses_every_row check (false) not valid`;
    const headers = aHeader();
    const first = await load([{ sourceId: 'a' }], headers);
    expect(first).toMatchObject({ status: 200, json: { created: 1 } });
    expect((await load([{ sourceId: 'a' }], headers)).text).toBe(first.text);
    expect(api.logLines.filter((line) => line.includes('the audit row could not be written'))).toHaveLength(1);
    expect(await count('audit_log')).toBe(0);
  });

  it('of a token for one venue leaves the keys and audit rows of others alone', async () => {
    const other = await api.aVenue();
    const headers = aHeader();
    const elsewhere = await api.send('POST', `/v1/venues/${other}/records/customers/batch`, {
      json: { records: [{ sourceId: 'a', name: 'One' }] },
      headers,
    });
    const here = await load([{ sourceId: 'a', name: 'One' }], headers);
    expect([elsewhere.status, here.status, here.headers.get('idempotency-replayed')]).toEqual([200, 200, null]);
    const rows = await api.database
      .admin`select venue_id, details from audit_log where venue_id in (${other}, ${venueId})`;
    expect(rows.map((row) => row['venue_id'] as string).toSorted()).toEqual([other, venueId].toSorted());
    for (const row of rows) expect(row['details']).toMatchObject({ received: 1, created: 1 });
  });
});

describe('a load without an Idempotency-Key', () => {
  it('writes its audit row before it is answered', async () => {
    expect(await load([{ sourceId: 'a' }], {})).toMatchObject({ status: 200 });
    expect(await transactions()).toEqual(['INSERT customers', 'INSERT audit_log']);
  });
});
