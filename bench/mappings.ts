import { createFieldMapping, expressionInput } from '../domain/mapping/field-mapping.ts';
import type { MappingRule } from '../domain/mapping/mapping.ts';
import { fingerprintOf } from '../domain/sync/fingerprint.ts';
import { createExpressions } from '../expressions/expressions.ts';
import { products } from '../records/products.ts';
import { round } from './support/report.ts';
import type { Row } from './support/report.ts';

const rule = (target: string, rest: Partial<MappingRule>): MappingRule => ({
  target,
  direction: 'both',
  policy: 'venue',
  ...rest,
});

const MAPPINGS: readonly { readonly name: string; readonly goalS: number; readonly fields: readonly MappingRule[] }[] =
  [
    { name: 'default mapping', goalS: 1, fields: [] },
    {
      name: 'ten fields by paths and values',
      goalS: 1,
      fields: [
        ...Array.from({ length: 9 }, (_, index) => rule(`metadata.to${index}`, { source: `metadata.key${index}` })),
        rule('description', { source: 'metadata.season', values: { summer: 'Sommer', winter: 'Winter' } }),
      ],
    },
    {
      name: 'one field by JSONata',
      goalS: 3,
      fields: [rule('description', { expression: 'name & " (" & sku & "), " & $uppercase(metadata.season)' })],
    },
  ];

/** Measures the CPU of this process, its threads included, that mapping records both ways takes, with their fingerprints. */
export async function benchMappings({ records }: { readonly records: number }): Promise<readonly Row[]> {
  const venueRecords = Array.from({ length: records }, (_, index) => aRecord(index));
  const expressions = createExpressions();
  const rows: Row[] = [];
  for (const { name, goalS, fields } of MAPPINGS) {
    const mapping = createFieldMapping(products, { version: 1, definition: { fields } });
    // The first request starts the thread.
    await expressions.evaluate(mapping.expressions, [{}]);
    const before = process.cpuUsage();
    const results = await expressions.evaluate(mapping.expressions, venueRecords.map(expressionInput));
    for (const [index, record] of venueRecords.entries()) {
      const sent = mapping.toProvider(record, results[index] ?? []);
      fingerprintOf(sent.fields);
      mapping.toVenue(sent.fields);
    }
    const { user, system } = process.cpuUsage(before);
    const cpuS = round((user + system) / 1e6);
    rows.push({ what: `${records} records, ${name}`, goal: `≤ ${goalS} s of CPU`, met: cpuS <= goalS, cpuS });
  }
  await expressions.close();
  return rows;
}

const aRecord = (index: number) => ({
  sourceId: `p-${index}`,
  fields: {
    name: `Product ${index}`,
    description: null,
    sku: `SKU-${index}`,
    amountMinor: index,
    currency: 'EUR',
    active: true,
    taxable: null,
    images: [],
    metadata: {
      season: index % 2 === 0 ? 'summer' : 'winter',
      ...Object.fromEntries(Array.from({ length: 9 }, (_, key) => [`key${key}`, `value ${index}`])),
    },
  },
});
