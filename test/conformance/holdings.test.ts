import { describe, expect, it } from 'vitest';
import type { Resource } from '../../contracts/providers.ts';
import { hasUntoldParts } from '../../domain/mapping/kept-fields.ts';
import type { FieldHolding } from '../../domain/mapping/mapping.ts';
import type { ProviderRecord } from '../../providers/provider.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { WRITTEN, aKey, createBench } from './bench.ts';
import { aRecord, isNamedByPlace, samplesOf } from './records.ts';

const isEmpty = (value: unknown) => value === null || JSON.stringify(value) === '[]';
/** What of the fields that were written is not there when they are read. */
const lost = (resource: Resource, written: RecordFields, read: RecordFields): readonly string[] =>
  Object.entries(written).flatMap(([name, value]) => {
    const found = read[name];
    if (Array.isArray(found) && Array.isArray(value) && !isEmpty(value)) {
      // A reading tells the records that items name by the provider's ids.
      const named = Object.values(RECORD_KINDS.get(resource).listReferences).map(({ field }) => field);
      const isTold = (items: readonly RecordFields[], part: string) =>
        items.some((item) => (item[part] ?? null) !== null);
      const parts = Object.keys(value[0] as RecordFields).filter((part) => !named.includes(part));
      return parts.some((part) => isTold(value, part) && !isTold(found, part)) ? [name] : [];
    }
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return isEmpty(found) ? [name] : [];
    const missing = Object.entries(value as RecordFields).filter(([key, one]) => one !== null && !(key in found));
    return missing.length > 0 ? [name] : [];
  });

/** Fields that a reading tells as the provider's id of another record. */
const namedIn = (resource: Resource, read: ProviderRecord | null): RecordFields =>
  Object.fromEntries(
    Object.entries(RECORD_KINDS.get(resource).references).flatMap(([name, { field }]) =>
      field === null || read?.refs?.[name] == null ? [] : [[field, read.refs[name]]],
    ),
  );

describe.each(WRITTEN)('the declarations of %s', (provider) => {
  const { adapter, map, open, prepare, resourcesWith, write } = createBench(provider);
  const resources = resourcesWith('push').filter((resource) => !isNamedByPlace(resource));

  it.each(resources)(
    'name every field of %s that does not come back as it was written, and no other',
    async (resource) => {
      await prepare(resource);
      const record = aRecord(samplesOf(resource, provider).full);
      const { externalId } = await write(resource).create(map(resource, record), aKey());
      const read = await open().resource(resource).retrieve(externalId);
      const { holdings = {} } = adapter().mapping(resource);
      const notBack = lost(resource, record.fields, { ...read?.fields, ...namedIn(resource, read) });
      expect(Object.keys(holdings)).toEqual(expect.arrayContaining([...notBack]));
      // A value comes back where only an empty one says nothing, and one that is what the field is without one.
      const { fields } = RECORD_KINDS.get(resource);
      const mayComeBack = (holding: FieldHolding | undefined) => holding === 'when-set' || hasUntoldParts(holding);
      const isUsual = (name: string) => fields[name]?.fallback === record.fields[name];
      const never = Object.keys(holdings).filter((name) => !mayComeBack(holdings[name]) && !isUsual(name));
      expect(notBack).toEqual(expect.arrayContaining(never));
    },
  );

  it.each(resourcesWith('pull'))('name fields of %s alone', (resource) => {
    const { fields } = RECORD_KINDS.get(resource);
    for (const [name, holding] of Object.entries(adapter().mapping(resource).holdings ?? {})) {
      expect(fields[name]?.presence).not.toBe('required');
      if (hasUntoldParts(holding)) expect(fields[name]?.value.type).toBe('list');
      else if (typeof holding === 'object') expect(fields[name]?.value.type).toBe('string-map');
    }
  });
});
