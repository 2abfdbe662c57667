import { describe, expect, it } from 'vitest';
import type { RecordId } from '../../../contracts/ids.ts';
import { mappingWithin, recordWithin } from '../../../activities/sync/reach.ts';
import { agreed } from '../../../activities/sync/push/push-result.ts';
import { planPush, sentBy } from '../../../activities/sync/push/push-work.ts';
import type { MappedRow } from '../../../activities/sync/push/mapped-rows.ts';
import type { ResourceMapping, WrittenRecord } from '../../../providers/provider.ts';
import { invoices } from '../../../records/invoices.ts';

/** Sends, of each line, the provider's id of its product and its amount. */
const mapping: ResourceMapping = {
  toPayload: ({ fields, listRefs }) => {
    const lines = fields['lines'] as readonly {
      readonly productSourceId: string | null;
      readonly amountMinor: number;
    }[];
    return {
      payload: {
        number: fields['number'],
        items: lines.map(({ amountMinor }, at) => [listRefs?.['product']?.[at] ?? null, amountMinor]),
      },
      problems: lines.flatMap(({ productSourceId }, at) =>
        productSourceId !== null && (listRefs?.['product']?.[at] ?? null) === null
          ? [{ path: `lines.${at}.productSourceId`, message: 'not there' }]
          : [],
      ),
    };
  },
  concurrency: 'parts',
  callsToWrite: () => 1,
};

const line = (productSourceId: string | null, amountMinor: number) => ({ productSourceId, amountMinor });
const IDS = new Map([
  ['chai', '12'],
  ['mint', '13'],
]);
const lists: NonNullable<MappedRow['lists']> = {
  rules: invoices.listReferences,
  externalIdOf: (_, sourceId) => IDS.get(sourceId) ?? null,
  sourceIdOf: (_, externalId) => [...IDS].find(([, id]) => id === externalId)?.[0] ?? `pulled:${externalId}`,
};
const aRow = (fields: MappedRow['fields'], atProvider?: MappedRow['fields']): MappedRow => ({
  ...{ id: 'r-1' as RecordId, sourceId: 'own', version: 1, deleted: false, merging: null, refs: {}, link: null },
  ...{ fields, lists },
  ...(atProvider && { atProvider }),
});
const anAnswer = (number: string, ...told: readonly (readonly [string | null, number])[]): WrittenRecord => ({
  ...{ externalId: '1', version: 1, deleted: false, recordId: null },
  fields: { number, lines: told.map(([, amountMinor]) => line(null, amountMinor)) },
  listRefs: { product: told.map(([id]) => id) },
});

describe('a push of a record that names records inside its lists', () => {
  it('gives the mapping the provider’s id of each', () => {
    const { mapped, decision } = planPush(aRow({ number: 'A', lines: [line('mint', 1), line(null, 2)] }), mapping, 0);
    expect(mapped.payload['items']).toEqual([
      ['13', 1],
      [null, 2],
    ]);
    expect(decision).toBe('create');
  });

  it('rejects a record that names one which the provider does not have', () => {
    const { mapped, decision } = planPush(aRow({ number: 'A', lines: [line('mint', 1), line('new', 2)] }), mapping, 0);
    expect(mapped.problems).toEqual([{ path: 'lines.1.productSourceId', message: 'not there' }]);
    expect(decision).toBe('reject');
  });

  it('sends no list that equals what the provider holds', () => {
    const same = [line('chai', 1)];
    const work = planPush(aRow({ number: 'B', lines: same }, { number: 'A', lines: same }), mapping, 0);
    expect(sentBy(work, { mapping }).payload).toEqual({ number: 'B' });
    const moved = planPush(aRow({ number: 'A', lines: [line('mint', 1)] }, { number: 'A', lines: same }), mapping, 0);
    expect(sentBy(moved, { mapping }).payload).toEqual({ items: [['13', 1]] });
  });

  it('agrees on the answer with our own ids in it, and fingerprints what it tells', () => {
    const work = planPush(aRow({ number: 'A', lines: [line('chai', 1), line('mint', 2)] }), mapping, 0);
    const asSent = agreed(work, 'created', anAnswer('A', ['12', 1], ['13', 2]));
    expect(asSent.answer).toEqual({ number: 'A', lines: [line('chai', 1), line('mint', 2)] });
    expect(asSent.remoteFingerprint).toBe(asSent.fingerprint);
    const otherwise = agreed(work, 'created', anAnswer('A', ['12', 1], ['99', 2]));
    expect(otherwise.answer?.['lines']).toEqual([line('chai', 1), line('pulled:99', 2)]);
    expect(otherwise.remoteFingerprint).not.toBe(otherwise.fingerprint);
  });

  it('keeps the known list where the answer has another that this run did not write', () => {
    const known = [line('chai', 1)];
    const work = planPush(aRow({ number: 'B', lines: known }, { number: 'A', lines: known }), mapping, 0);
    const result = agreed(work, 'updated', anAnswer('B', ['13', 7], ['12', 1]));
    expect(result.answer).toEqual({ number: 'B', lines: known });
    expect(result.remoteFingerprint).toBe(result.fingerprint);
  });
});

describe('a connection that leaves a reference out', () => {
  it('gives the mapping no id of it, and no problem keeps the record back', () => {
    const naming: ResourceMapping = {
      ...mapping,
      toPayload: ({ fields, refs }) => ({
        payload: { number: fields['number'], customer: refs?.['customer'] ?? null },
        problems: refs?.['customer'] ? [] : [{ path: 'customerSourceId', message: 'needed' }],
      }),
    };
    const record = { id: 'r-1', sourceId: 'own', fields: { number: 'A' }, refs: { customer: '7' } };
    const within = (excluded: readonly string[]) =>
      mappingWithin(naming, { kind: invoices, excluded }).toPayload(record);
    expect(within(['customerSourceId'])).toMatchObject({ payload: { number: 'A', customer: null }, problems: [] });
    expect(within(['dueAt'])).toMatchObject({ payload: { customer: '7' }, problems: [] });
    const nameless = mappingWithin(naming, { kind: invoices, excluded: ['dueAt'] });
    expect(nameless.toPayload({ ...record, refs: { customer: null } }).problems).toHaveLength(1);
  });
});

describe('a connection that leaves a list out', () => {
  it('is told nothing of the records that it names', () => {
    const record = { ...anAnswer('A', ['12', 1]), refs: { customer: '7' } };
    const within = recordWithin(record, { kind: invoices, excluded: ['lines'] });
    expect(within.listRefs).toEqual({});
    expect(within.refs).toEqual({ customer: '7' });
    expect(recordWithin(record, { kind: invoices, excluded: ['number'] }).listRefs).toEqual({ product: ['12'] });
  });
});
