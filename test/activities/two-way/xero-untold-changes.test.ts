import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Direction, SyncMode } from '../../../contracts/providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { invoices } from '../../../records/invoices.ts';
import { listRecords } from '../../support/list-records.ts';
import { createXeroSyncWorld } from '../push/xero-world.ts';
import type { XeroSyncWorld, XeroVenue } from '../push/xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

let world: XeroSyncWorld;
let venue: XeroVenue;
beforeAll(async () => {
  world = await createXeroSyncWorld();
});
afterAll(() => world.close());

const INVOICE = {
  ...{ sourceId: 'i-1', number: 'INV-7', status: 'open', customerSourceId: 'ada', currency: 'GBP' },
  ...{ issuedAt: '2026-10-01T00:00:00.000Z', dueAt: '2026-10-31T00:00:00.000Z' },
  ...{ subtotalMinor: 1_000, taxMinor: 0, totalMinor: 1_000, amountDueMinor: 1_000 },
  lines: [
    {
      ...{ description: 'Chai', quantity: '1', unitAmount: '10', amountMinor: 1_000, taxMinor: 0 },
      productSourceId: null,
    },
  ],
};

const stored = () => createRecordStore(world.database.db, invoices);
const load = (change: object = {}) => stored().upsertMany(venue.venueId, [{ ...INVOICE, ...change }] as never);
const run = (direction: Direction, mode: SyncMode) => world.sync(venue, direction, mode, { resource: 'invoices' });
const record = async () => {
  const page = { page: { limit: 10, after: null }, filter: { includeDeleted: false } };
  return (await listRecords(stored(), venue.venueId, page)).data[0];
};
const atXero = async () => (await venue.organisation.objects<WireObject>('Invoices'))[0];
const edit = async (change: object) => {
  const body = { InvoiceID: (await atXero())?.['InvoiceID'], ...change };
  expect((await venue.organisation.ask('POST', 'Invoices', { body })).status).toBe(200);
};
/** It was written two days ago, and half of it paid a day ago: no list of changes since the last run has it. */
async function partPaid() {
  const token = await world.xero.tokenFor(venue.organisation.id, 'accounting.payments');
  const body = { Invoice: { InvoiceID: (await atXero())?.['InvoiceID'] }, Account: { Code: '090' }, Amount: 5 };
  const headers = { authorization: `Bearer ${token}` };
  expect((await venue.organisation.ask('PUT', 'Payments', { body, headers })).status).toBe(200);
  await world.database.admin`
    update record_links set external_version = external_version - 172800000 where venue_id = ${venue.venueId}`;
  const dayAgo = `/Date(${Date.now() - 86_400_000}+0000)/`;
  await venue.organisation.put('Invoices', [{ ...(await atXero()), UpdatedDateUTC: dayAgo }]);
}

beforeEach(async () => {
  venue = await world.aXeroVenue();
  await world.customers.upsertMany(venue.venueId, [{ sourceId: 'ada', name: 'Ada' }]);
  await world.sync(venue, 'both', 'full', { resource: 'customers' });
  await load();
  await run('both', 'full');
  await partPaid();
  await run('both', 'full');
});

// https://developer.xero.com/documentation/api/accounting/invoices, read 2026-11-29.
describe('a new due date of an invoice that is paid in part, which no list of Xero’s changes tells', () => {
  it.each(['pull', 'both'] as const)(
    'reaches the venue by a full pass of %s runs, and by no other',
    async (direction) => {
      // From here on incremental runs of this direction ask for changes.
      await run(direction, 'full');
      await edit({ DueDate: '2026-12-24' });
      await run(direction, 'incremental');
      expect(await record()).toMatchObject({ dueAt: INVOICE.dueAt, amountDueMinor: 500 });
      await run(direction, 'full');
      expect(await record()).toMatchObject({ dueAt: '2026-12-24T00:00:00.000Z', amountDueMinor: 500 });
      expect(await run(direction, 'full')).toMatchObject({ counts: { created: 0, updated: 0 } });
    },
  );

  it('meets a change of the venue’s in a full two-way run, and both stay', async () => {
    await edit({ DueDate: '2026-12-24' });
    await load({ number: 'INV-8', amountDueMinor: 500 });
    await run('both', 'full');
    expect(await record()).toMatchObject({ number: 'INV-8', dueAt: '2026-12-24T00:00:00.000Z' });
    expect(await atXero()).toMatchObject({ InvoiceNumber: 'INV-8', DueDateString: '2026-12-24T00:00:00' });
    expect(await run('both', 'full')).toMatchObject({ counts: { created: 0, updated: 0 } });
  });

  it('is written by the venue too, and is no change of Xero’s afterwards', async () => {
    await load({ dueAt: '2026-12-31T00:00:00.000Z', amountDueMinor: 500 });
    expect(await run('both', 'incremental')).toMatchObject({ counts: { updated: 1, rejected: 0 } });
    expect(await atXero()).toMatchObject({ DueDateString: '2026-12-31T00:00:00' });
    for (const mode of ['incremental', 'full'] as const)
      expect(await run('both', mode)).toMatchObject({ counts: { created: 0, updated: 0 } });
    expect(await record()).toMatchObject({ dueAt: '2026-12-31T00:00:00.000Z' });
  });
});
