import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createExpressions } from '../../expressions/expressions.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import { EXPRESSION_LIMITS } from '../../expressions/limits.ts';
import type { ExpressionLimits } from '../../expressions/limits.ts';

const expressions = createExpressions();
const opened: Expressions[] = [];
afterAll(() => expressions.close());
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

function limited(limits: Partial<ExpressionLimits>): Expressions {
  const one = createExpressions({ ...EXPRESSION_LIMITS, ...limits });
  opened.push(one);
  return one;
}

const RECORD = { name: 'Cold brew', sku: 'CB-1', amountMinor: 450, images: ['a', 'b'], metadata: { season: 'summer' } };
const resultOf = async (text: string, one = expressions) => (await one.evaluate([text], [RECORD]))[0]?.[0];
const analysisOf = async (text: string, one = expressions) => (await one.analyse([text])).get(text);
/** Harmless: ends by itself after some tens of thousands of small steps. */
const LONG = '$sum($map([1..900], function($i) { $sum($map([1..40], function($j) { $i * $j })) }))';

/** Takes many minutes. */
const ENDLESS = LONG.replace('$i * $j', LONG);

describe('the analysis of expressions', () => {
  it.each([
    ['name & " – " & sku', ['name', 'sku'], 'text'],
    ['metadata.season', ['metadata'], null],
    ['$uppercase($trim(name))', ['name'], 'text'],
    ['amountMinor * 2', ['amountMinor'], 'number'],
    ['$count(images) > 1', ['images'], 'boolean'],
    ['images[0]', ['images'], null],
    ['metadata.(season ? season : shelf)', ['metadata'], null],
    ['$map(images, function($i) { $i & sku })', ['images', 'sku'], null],
    ['($x := sku; $x & "!")', ['sku'], 'text'],
    ['"fixed"', [], 'text'],
    ['name ~> $uppercase()', ['name'], null],
  ])('tells what %s reads and results in', async (text, names, result) => {
    expect(await analysisOf(text)).toEqual({ ok: true, names, result });
  });

  it.each([
    ['name &', /^Cannot be read as JSONata at character \d+ \(S\d{4}\)$/],
    ['', /^Cannot be read as JSONata/],
    ['$now()', /\$now is not available/],
    ['$random()', /\$random is not available/],
    ['$shuffle(images)', /\$shuffle is not available/],
    ['$eval("1")', /\$eval is not available/],
    ['$pad(name, 5)', /\$pad is not available/],
    ['$map(images, $uppercase) ~> $unknown()', /\$unknown is not available/],
    ['($f := function($x) { $x }; $f(1))', /The function \$f is not available/],
    ['($f := function($x) { $x }; $map(images, $f))', /A function can only be given/],
    ['function($x) { $x }(1)', /Only functions by their names/],
    ['[function($x) { $x }]', /A function can only be given/],
    ['name ~> $uppercase', /After ~> a function has to be called/],
    ['$ ~> |metadata|{"a": 1}|', /transform|After ~>/],
  ])('refuses %s', async (text, message) => {
    const analysis = await analysisOf(text);
    expect(analysis?.ok === false && analysis.message).toMatch(message);
  });

  it('refuses what is over its limits', async () => {
    expect(await analysisOf(`"${'x'.repeat(2_000)}"`)).toMatchObject({
      message: 'Over its limit: at most 2000 characters',
    });
    expect(await analysisOf('1+1+1+1', limited({ maxNodes: 5 }))).toMatchObject({
      message: 'Over its limit: at most 5 parts',
    });
    expect(await analysisOf('[[[[[[1]]]]]]', limited({ maxNesting: 2 }))).toMatchObject({
      message: 'Over its limit: at most 2 levels',
    });
  });
});

describe('the evaluation of expressions', () => {
  it('gives each input a result for each expression', async () => {
    const results = await expressions.evaluate(['name', '$length(name)'], [RECORD, { name: 'Tea' }, {}]);
    expect(results).toEqual([
      [
        { ok: true, value: 'Cold brew' },
        { ok: true, value: 9 },
      ],
      [
        { ok: true, value: 'Tea' },
        { ok: true, value: 3 },
      ],
      [
        { ok: true, value: null },
        { ok: true, value: null },
      ],
    ]);
  });

  it('gives plain data: no functions, no markers, no key that would be a prototype', async () => {
    const results = await Promise.all(
      ['images', '{"a": images, "__proto__": {"polluted": true}}', '$map(images, $uppercase)'].map((text) =>
        resultOf(text),
      ),
    );
    expect(results).toEqual([
      { ok: true, value: ['a', 'b'] },
      { ok: true, value: { a: ['a', 'b'] } },
      { ok: true, value: ['A', 'B'] },
    ]);
    for (const result of results)
      expect(result?.ok === true && Array.isArray(result.value) && 'sequence' in result.value).toBe(false);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(await resultOf('$uppercase')).toEqual({
      ok: false,
      message: 'The result of the expression is no plain data.',
    });
    expect(await resultOf('1/0')).toMatchObject({ ok: false });
  });

  it('says where an expression failed and never quotes a value', async () => {
    const result = await resultOf('$number(name)');
    expect(result?.ok === false && result.message).toMatch(/^The expression failed.* \(D3030\)\.$/);
    expect(JSON.stringify(result)).not.toContain('Cold');
  });

  it.each([
    ['a long text', { maxText: 8 }, 'name', 'The expression makes a text of more than 8 characters.'],
    [
      'a long joined text',
      { maxText: 8 },
      '$join(["12345", "12345"])',
      'The expression makes a text of more than 8 characters.',
    ],
    ['a long list', { maxItems: 10 }, '[1..11]', 'The expression makes a list of more than 10 items.'],
    ['a deep evaluation', { maxDepth: 3 }, '$trim($trim($trim($trim(name))))', 'The expression goes too deep.'],
    ['a large result', { maxResultValues: 3 }, '[1..5]', 'The result of the expression has too many values.'],
    [
      'a deep result',
      { maxResultDepth: 2 },
      '{"a": {"b": {"c": 1}}}',
      'The result of the expression is nested too deeply.',
    ],
  ] as const)('refuses %s', async (_what, limits, text, message) => {
    expect(await resultOf(text, limited(limits))).toEqual({ ok: false, message });
  });

  // Their limits are far above what the other evaluations take, also where other processes use the cores.
  it('ends an evaluation that takes too long, and goes on with the next', async () => {
    const one = limited({ timeoutMs: 250 });
    const results = await one.evaluate([ENDLESS, 'name'], [RECORD]);
    expect(results).toEqual([
      [
        { ok: false, message: 'The expression took more than 250 ms.' },
        { ok: true, value: 'Cold brew' },
      ],
    ]);
  });

  it('ends the thread that makes no progress, and evaluates the other records in another one', async () => {
    // Without JSONata's own time limit, only the end of the thread helps.
    const one = limited({ timeoutMs: 0, killAfterMs: 500 });
    const text = `slow ? ${ENDLESS} : name`;
    const results = await one.evaluate([text], [{ name: 'a' }, { name: 'b', slow: true }, { name: 'c' }]);
    expect(results).toEqual([
      [{ ok: true, value: 'a' }],
      [{ ok: false, message: 'The expression did not end in time, or took too much memory.' }],
      [{ ok: true, value: 'c' }],
    ]);
  });

  it('leaves this process free while an expression is at work', async () => {
    let turns = 0;
    const counting = setInterval(() => (turns += 1), 1);
    await resultOf(LONG, limited({ timeoutMs: 0 }));
    clearInterval(counting);
    expect(turns).toBeGreaterThan(3);
  });

  it('ends a request whose evaluations take too long together', async () => {
    const one = limited({ batchTimeoutMs: 0 });
    expect(await resultOf('name', one)).toEqual({
      ok: false,
      message: 'The expressions of the mapping took too long together.',
    });
  });

  it('sees no environment of the process', async () => {
    expect(await resultOf('$exists($$.process) or $exists($$.env)')).toEqual({ ok: true, value: false });
  });
});
