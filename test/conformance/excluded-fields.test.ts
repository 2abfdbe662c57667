import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../providers/provider-error.ts';
import { mappingWithin } from '../../activities/sync/reach.ts';
import type { Resource } from '../../contracts/providers.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { WRITTEN, aKey, changing, createBench } from './bench.ts';
import { aRecord, isNamedByPlace, samplesOf } from './records.ts';

/** Records that differ from the full samples in every field. */
const OTHERS: Readonly<Partial<Record<Resource, RecordFields>>> = {
  customers: {
    ...{ name: 'Grace', email: 'grace@example.com', phone: '+4930654321', marketingConsent: false },
    address: { line1: '2 Low Street', line2: null, city: 'Ulm', region: null, postalCode: '89073', country: 'Austria' },
    metadata: { tier: 'silver' },
  },
  products: {
    ...{ name: 'Mate', description: 'One box', sku: 'MT-1', amountMinor: 2_400, currency: 'GBP', active: false },
    ...{ taxable: false, images: ['https://example.com/mate.png'], metadata: { shelf: '8' } },
  },
  // With sums that are computed of its lines alike.
  invoices: {
    ...samplesOf('invoices').full,
    ...{ number: 'INV-10', issuedAt: '2026-11-04T00:00:00.000Z', dueAt: '2026-12-24T00:00:00.000Z' },
    lines: [
      {
        ...{ description: 'Three boxes', quantity: '3', unitAmount: '12', amountMinor: 3_600, taxMinor: 0 },
        productSourceId: 'product-1',
      },
    ],
    metadata: { shelf: '8' },
  },
};

/** What can be left out of a kind: each optional field, or those that come together. */
function groupsOf(resource: Resource): readonly (readonly string[])[] {
  const { fields, together } = RECORD_KINDS.get(resource);
  const alone = Object.keys(fields).filter(
    (name) => fields[name]?.presence !== 'required' && !together.some((names) => names.includes(name)),
  );
  return [...alone.map((name) => [name]), ...together, [...alone, ...together.flat()]];
}

describe.each(WRITTEN)('fields that are left out of what %s is sent', (provider) => {
  const { adapter, naming, open, prepare, resourcesWith, sandbox, write } = createBench(provider);
  const cases = resourcesWith('push').flatMap((resource) =>
    isNamedByPlace(resource) ? [] : groupsOf(resource).map((excluded) => [resource, excluded] as const),
  );
  const within = (resource: Resource, excluded: readonly string[]) =>
    mappingWithin(adapter().mapping(resource), { kind: RECORD_KINDS.get(resource), excluded });
  const neededFields = (resource: Resource) => sandbox().neededFields?.(resource) ?? ['name'];
  const filledIn = (resource: Resource) => new Set(sandbox().fillsIn?.(resource));
  const read = async (resource: Resource, externalId: string) =>
    (await open().resource(resource).retrieve(externalId))?.fields ?? {};

  it.each(resourcesWith('push'))('may be any optional field of %s', (resource) => {
    expect(adapter().mapping(resource).leavesAbsent).toBe(true);
  });

  it.each(cases)('%s: an update leaves %j as it is, and writes the rest', async (resource, excluded) => {
    await prepare(resource);
    const mapping = adapter().mapping(resource);
    const full = () => naming(resource, aRecord(samplesOf(resource, provider).full));
    const record = full();
    const other = naming(resource, { id: record.id, sourceId: record.sourceId, fields: OTHERS[resource] ?? {} });
    const whole = full();
    const twin = await write(resource).create(mapping.toPayload(whole), aKey());
    await write(resource).update(twin.externalId, mapping.toPayload({ ...other, id: whole.id }), changing(twin));
    const rewritten = await read(resource, twin.externalId);
    if (sandbox().hasUniqueNames) await sandbox().remove(resource, twin.externalId);
    const created = await write(resource).create(mapping.toPayload(record), aKey());
    const before = await read(resource, created.externalId);
    const sent = within(resource, excluded).toPayload(other);
    expect(sent.problems).toEqual([]);
    await write(resource).update(created.externalId, sent, changing(created));
    const after = await read(resource, created.externalId);
    // Entries of metadata are the provider's own facts where it holds no other.
    const { holdings = {} } = mapping;
    const isCompared = (name: string) =>
      typeof holdings[name] !== 'object' && (name !== 'metadata' || excluded.includes(name));
    for (const name of Object.keys(rewritten).filter(isCompared))
      expect([name, after[name]]).toEqual([name, excluded.includes(name) ? before[name] : rewritten[name]]);
  });

  it.each(cases)('%s: a creation sends nothing of %j', async (resource, excluded) => {
    await prepare(resource);
    const mapping = adapter().mapping(resource);
    const record = naming(resource, aRecord(OTHERS[resource] ?? {}));
    const created = await write(resource)
      .create(within(resource, excluded).toPayload(record), aKey())
      .catch((error: unknown) => error);
    // A provider may need a name, or an email or a phone number, of whatever is new.
    if (created instanceof ProviderError) {
      expect([neededFields(resource).some((name) => excluded.includes(name)), created.details.kind]).toEqual([
        true,
        'rejected',
      ]);
      return;
    }
    const { externalId } = created as { readonly externalId: string };
    const told = await read(resource, externalId);
    // What the provider itself gives to an object that is sent without the field.
    const { minimal } = samplesOf(resource, provider);
    const bare = await write(resource).create(mapping.toPayload(naming(resource, aRecord(minimal))), aKey());
    const usual = await read(resource, bare.externalId);
    const { fields } = RECORD_KINDS.get(resource);
    const filled = filledIn(resource);
    const names = excluded.filter((name) => name !== 'metadata');
    for (const name of names.filter((one) => filled.has(one)))
      expect([name, told[name]]).not.toEqual([name, record.fields[name]]);
    for (const name of names.filter((one) => !filled.has(one)))
      expect([fields[name]?.fallback ?? null, usual[name] ?? null]).toContainEqual(told[name] ?? null);
  });
});
