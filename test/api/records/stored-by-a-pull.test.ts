import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { toPulled } from '../../../activities/sync/pull/pulled-record.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';
import type { RecordFields, RecordKind } from '../../../records/record-kind.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS } from '../../made-up/loyalty-cards.ts';
import { pulledRecord } from '../../support/record-values.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { BatchValidator } from '../../../api/records/batch-validator.ts';
import type { Doubtful } from '../../../api/records/batch-validator.ts';
import { schemasOf } from '../../../api/schemas/records/record-schemas.ts';
import { customers } from '../../../records/customers.ts';
import { createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

type Shown = Readonly<Record<string, unknown>> & { readonly id: string; readonly sourceId: string };

const ENVELOPE = ['id', 'venueId', 'version', 'createdAt', 'updatedAt', 'deletedAt', 'links'];
const withoutEnvelope = (record: Shown) =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !ENVELOPE.includes(name)));

/** The API must accept whatever a kind's descriptor allows a pull to store. */
describe.each(KINDS_WITH_CARDS.all.map((kind) => [kind.name, kind] as const))(
  'what a pull may store of %s',
  (_name, kind) => {
    let world: Awaited<ReturnType<typeof createSyncWorld>>;
    let api: ApiWorld;
    beforeAll(async () => {
      world = await createSyncWorld({ kinds: KINDS_WITH_CARDS });
      await createLoyaltyCards(world.database.admin);
      const { db } = world.database;
      api = await createApiWorld({
        deps: {
          kinds: KINDS_WITH_CARDS,
          records: createRecordStores(db, KINDS_WITH_CARDS),
          venues: createVenueStore(db),
        },
      });
    });
    afterAll(() => Promise.all([world.close(), api.close()]));

    async function stored(venue: TestVenue, records: readonly RecordFields[]): Promise<readonly Shown[]> {
      const input = await world.open(venue, 'pull', 'full', { resource: kind.name });
      const { fence, account } = await world.progress.takeOver(input, null);
      const told = records.map((fields, index) => ({
        ...{ externalId: `external-${index}`, version: 1, deleted: false, recordId: null, fields },
      }));
      await world.pulls.commit(
        { ...input, fence, account },
        {
          records: told.map((one) => toPulled(one, readOnlyMapping)),
          ...{ amendments: [], rejections: [], anomalies: [], handOff: false },
          ...{ checkpoint: null, providerCalls: 1, ratePerSecond: 1, seen: [], counting: 'all' },
        },
      );
      await world.finish(input);
      // A page ends before its limit where its records are large.
      const shown: Shown[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const query = cursor === '' ? '' : `&cursor=${cursor}`;
        const { json }: Answered = await api.send('GET', `${pathOf(kind, venue)}?limit=200${query}`);
        shown.push(...(json.data as unknown as readonly Shown[]));
        cursor = json.nextCursor;
      }
      return shown;
    }

    const pathOf = ({ name }: RecordKind, venue: TestVenue) => `/v1/venues/${venue.venueId}/records/${name}`;

    it('is accepted back unchanged by PUT, by PATCH and in a batch', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(pulledRecord(kind), { minLength: 2, maxLength: 4 }), async (records) => {
          const venue = await world.aVenue();
          const shown = await stored(venue, records);
          expect(shown).toHaveLength(records.length);
          for (const record of shown) {
            const item = `${pathOf(kind, venue)}/${record.id}`;
            for (const [method, json] of [
              ['PUT', record],
              ['PUT', withoutEnvelope(record)],
              ['PATCH', withoutEnvelope(record)],
            ] as const) {
              const answer = await api.send(method, item, { json });
              expect({ status: answer.status, errors: answer.json.errors }).toEqual({ status: 200, errors: undefined });
              expect(answer.json).toEqual(record);
            }
          }
          for (const query of ['', '?atomic=true']) {
            const answer = await api.send('POST', `${pathOf(kind, venue)}/batch${query}`, {
              json: { records: shown.map(withoutEnvelope) },
            });
            expect(answer.json.rejections).toEqual([]);
            expect(answer.json).toMatchObject({ received: shown.length, unchanged: shown.length });
          }
        }),
        { numRuns: 4, endOnFailure: true },
      );
    }, 180_000);
  },
);

describe('a batch of bad records', () => {
  it('is compared with stored records only until its list of rejections is full', () => {
    const validator = new BatchValidator(schemasOf(customers).record);
    for (let line = 1; line <= 1_000; line += 1) {
      const verdict = validator.validate({ line, value: { sourceId: `c${line}`, email: 'no address' } });
      expect(validator.validateAgain(verdict as Doubtful, null)).toBeNull();
    }
    const odd = { sourceId: 'odd', email: 'no address' };
    expect(validator.validate({ line: 1_001, value: odd })).toBeNull();
    expect(validator.rejected).toBe(1_001);
    const fresh = new BatchValidator(schemasOf(customers).record);
    const doubtful = fresh.validate({ line: 1, value: odd }) as Doubtful;
    expect(fresh.validateAgain(doubtful, { shown: odd, fields: ['sourceId', 'email'] })).toEqual(odd);
    expect(fresh.rejected).toBe(0);
  });
});
