import { describe, expect, it } from 'vitest';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { hasUntoldParts } from '../../domain/mapping/kept-fields.ts';
import { fingerprintOf } from '../../domain/sync/fingerprint.ts';
import type { ValueType } from '../../records/field.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { WRITTEN, createBench } from './bench.ts';
import { isNamedByPlace, samplesOf } from './records.ts';

/** Parts of lists that may differ without a change: QuickBooks tells no tax of a line, and Xero's price is worked out of its amount. */
const NEVER_NOTICED: Readonly<Partial<Record<ProviderId, readonly string[]>>> = {
  quickbooks: ['lines.taxMinor'],
  xero: ['lines.unitAmount'],
};

interface Variant {
  readonly path: string;
  readonly value: unknown;
}

/** Values of types that have no parts. Names of other records and maps are compared elsewhere. */
const VALUES: Readonly<Partial<Record<ValueType['type'], readonly unknown[]>>> = {
  text: ['another', 'one more'],
  email: ['another@example.com', 'more@example.com'],
  url: ['https://example.com/another', 'https://example.com/more'],
  boolean: [true, false],
  amount: [0, 1, 2],
  decimal: ['0', '7', '0.5'],
  currency: ['GBP', 'EUR'],
  instant: ['2026-11-07T00:00:00.000Z', '2026-11-08T00:00:00.000Z'],
};

/** Other values of a type, each with the path of what is other in it. */
function variantsOf(path: string, type: ValueType, value: unknown): readonly Variant[] {
  if (type.type === 'object')
    return Object.entries(type.fields).flatMap(([name, { value: inner }]) =>
      variantsOf(`${path}.${name}`, inner, (value as RecordFields)[name]).map((one) => ({
        ...one,
        value: { ...(value as RecordFields), [name]: one.value },
      })),
    );
  if (type.type === 'list')
    return (value as readonly unknown[]).flatMap((item) =>
      variantsOf(path, type.item, item).map((one) => ({ ...one, value: [one.value] })),
    );
  const values = type.type === 'word' ? type.words : (VALUES[type.type] ?? []);
  return values.map((one) => ({ path, value: one }));
}

describe.each(WRITTEN)('what changes at %s', (provider) => {
  const { adapter, map, prepare, resourcesWith } = createBench(provider);
  const resources = resourcesWith('push').filter((resource) => !isNamedByPlace(resource));

  it.each(resources)('changes what a pull compares of %s, whichever field it is', async (resource: Resource) => {
    await prepare(resource);
    const sample = samplesOf(resource, provider).full;
    const { holdings = {} } = adapter().mapping(resource);
    const printOf = (fields: RecordFields) =>
      fingerprintOf(map(resource, { id: '00000000-0000-7000-8000-000000000000', sourceId: 'r-1', fields }).payload);
    const missed = Object.entries(RECORD_KINDS.get(resource).fields)
      .filter(([name]) => holdings[name] === undefined || hasUntoldParts(holdings[name]))
      .flatMap(([name, { value: type }]) => {
        const seen = new Map<string, string>();
        const variants = [{ path: name, value: sample[name] }, ...variantsOf(name, type, sample[name])];
        return variants.flatMap(({ path, value }) => {
          const [print, text] = [printOf({ ...sample, [name]: value }), JSON.stringify(value)];
          const before = seen.get(print) ?? text;
          seen.set(print, before);
          return before === text ? [] : [path];
        });
      });
    expect([...new Set(missed)]).toEqual(
      NEVER_NOTICED[provider] && resource === 'invoices' ? NEVER_NOTICED[provider] : [],
    );
  });
});
