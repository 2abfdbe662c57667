import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { mappingBody, toDefinition } from '../../api/schemas/mapping.ts';
import { checkMapping } from '../../domain/mapping/check-mapping.ts';
import { createFieldMapping, expressionInput } from '../../domain/mapping/field-mapping.ts';
import { createExpressions } from '../../expressions/expressions.ts';
import { products } from '../../records/products.ts';
import type { RecordFields } from '../../records/record-kind.ts';

const page = readFileSync(new URL('../../docs/mappings.md', import.meta.url), 'utf8');
/** The JSON blocks of the page in their order, with what stands behind the word `json`. */
const blocks = [...page.matchAll(/```json( refused)?\n(.*?)\n```/gs)].map(([, refused, text = '']) => ({
  isRefused: refused !== undefined,
  json: JSON.parse(text) as RecordFields,
}));
const record = blocks[0]?.json ?? {};
const isMapping = ({ json }: (typeof blocks)[number]) => 'fields' in json;
const examples = blocks.flatMap((block, index) =>
  isMapping(block) && !block.isRefused ? [{ rules: block.json, sent: blocks[index + 1]?.json ?? {} }] : [],
);
const refused = blocks.filter((block) => isMapping(block) && block.isRefused).map(({ json }) => json);

const expressions = createExpressions();
afterAll(() => expressions.close());

async function definitionOf(rules: RecordFields) {
  const definition = toDefinition(mappingBody.parse(rules).fields);
  const analyses = await expressions.analyse(definition.fields.flatMap(({ expression }) => expression ?? []));
  const directions = { push: true, pull: true };
  return { definition, problems: checkMapping({ kind: products, directions, definition, analyses }) };
}

describe('the page of field mappings', () => {
  it('has examples of both kinds', () => {
    expect([examples.length, refused.length]).toEqual([3, 2]);
  });

  it.each(examples)('sends what it says: $rules', async ({ rules, sent }) => {
    const { definition, problems } = await definitionOf(rules);
    expect(problems).toEqual([]);
    const mapping = createFieldMapping(products, { version: 1, definition });
    const venueRecord = { sourceId: 'p-1', fields: record };
    const [results = []] = await expressions.evaluate(mapping.expressions, [expressionInput(venueRecord)]);
    const mapped = mapping.toProvider(venueRecord, results);
    expect(mapped.problems).toEqual([]);
    expect(mapped.fields).toEqual({ ...record, ...sent });
  });

  it.each(refused)('says that this is refused: %o', async (rules) => {
    const { problems } = await definitionOf(rules);
    expect(problems.length).toBeGreaterThan(0);
  });
});
