import type { RecordKind } from '../../records/record-kind.ts';
import { findPath, parsePath, pathText } from './field-path.ts';
import type { KnownPath } from './field-path.ts';
import { isReadOnlySource, isSourceName, sourcePath } from './mapping-source.ts';
import type { ExpressionAnalysis, MappingProblem, MappingRule } from './mapping.ts';
import { clashesIn, valueOfKey } from './value-map.ts';
import { describeType, isAssignable, isResultAssignable, isScalar, mismatchOf } from './value-type.ts';
import type { ResultType } from './value-type.ts';

export interface MappingCheck {
  readonly kind: RecordKind;
  /** What the provider's resource can do. */
  readonly directions: { readonly push: boolean; readonly pull: boolean };
  readonly definition: { readonly fields: readonly (MappingRule | null)[] };
  /** By the expression's text. */
  readonly analyses: ReadonlyMap<string, ExpressionAnalysis>;
}

/**
 * Everything that is wrong with a definition, by the path within it. Empty for one that can be saved. A rule that is no
 * rule by its form is null: it keeps its place, and nothing is said of it here.
 */
export function checkMapping(check: MappingCheck): readonly MappingProblem[] {
  const { fields } = check.definition;
  return [
    ...fields.flatMap((rule, index) =>
      rule === null
        ? []
        : checkRule(check, rule).map(({ path, message }) => ({ path: `fields.${index}.${path}`, message })),
    ),
    ...overlaps(fields, 'target', (rule) => rule.direction !== 'pull'),
    ...overlaps(fields, 'target', (rule) => rule.direction === 'pull'),
    ...overlaps(fields, 'source', (rule) => rule.source !== undefined && pulls(check, rule)),
  ];
}

const pulls = ({ kind, directions }: MappingCheck, { source, direction }: MappingRule) => {
  const path = source === undefined ? null : sourcePath(kind, source);
  return directions.pull && direction !== 'push' && path !== null && !isReadOnlySource(path);
};

function checkRule(check: MappingCheck, rule: MappingRule): readonly MappingProblem[] {
  const target = findPath(check.kind, rule.target);
  const source = rule.source === undefined ? null : sourcePath(check.kind, rule.source);
  return [
    ...checkPath(check, { name: 'target', path: target }),
    ...(rule.source === undefined ? [] : checkPath(check, { name: 'source', path: source })),
    ...checkDirection(check, rule, source),
    ...(target === null || rule.expression === undefined ? [] : checkExpression(check, rule.expression, target)),
    ...(target === null || source === null ? [] : checkTypes(check, rule, { source, target })),
  ];
}

function checkPath(
  { kind }: MappingCheck,
  { name, path }: { readonly name: 'target' | 'source'; readonly path: KnownPath | null },
): readonly MappingProblem[] {
  if (path === null) return [{ path: name, message: `${kind.words.many} have no such field` }];
  const isReference = Object.values(kind.references).some(({ field }) => field === path.field);
  return isReference ? [{ path: name, message: 'Names another record: this service translates it by itself' }] : [];
}

function checkDirection(
  { directions }: MappingCheck,
  { direction, expression }: MappingRule,
  source: KnownPath | null,
): readonly MappingProblem[] {
  const isOnlySent = expression !== undefined || (source !== null && isReadOnlySource(source));
  const [found] = DIRECTION_RULES.filter(({ breaks }) => breaks({ direction, isOnlySent, ...directions }));
  return found === undefined ? [] : [{ path: 'direction', message: found.message }];
}

interface DirectionOf {
  readonly direction: MappingRule['direction'];
  /** Nothing can be read back into it. */
  readonly isOnlySent: boolean;
  readonly push: boolean;
  readonly pull: boolean;
}

const DIRECTION_RULES: readonly { readonly message: string; readonly breaks: (of: DirectionOf) => boolean }[] = [
  {
    message: 'Can only be sent: an expression has no inverse, and the sourceId of a record never changes',
    breaks: ({ direction, isOnlySent }) => isOnlySent && direction === 'pull',
  },
  {
    message: 'The provider’s resource is only read',
    breaks: ({ direction, isOnlySent, push }) => !push && (isOnlySent || direction === 'push'),
  },
  {
    message: 'The provider’s resource is only written',
    breaks: ({ direction, pull }) => !pull && direction === 'pull',
  },
  {
    message: 'The provider takes whole records, so what is read from it is sent too: `both`',
    breaks: ({ direction, push }) => push && direction === 'pull',
  },
];

interface Ends {
  readonly source: KnownPath;
  readonly target: KnownPath;
}

function checkTypes(check: MappingCheck, rule: MappingRule, { source, target }: Ends): readonly MappingProblem[] {
  if (rule.values !== undefined) return checkValues(check, rule, { source, target });
  const problems: MappingProblem[] = [];
  if (rule.direction !== 'pull' && check.directions.push && !isAssignable(source.value, target.value))
    problems.push({ path: 'source', message: mismatch(target) });
  if (pulls(check, rule) && !isAssignable(target.value, source.value))
    problems.push({
      path: 'target',
      message: `Cannot be read back: ${pathText(source)} takes ${describeType(source.value)}`,
    });
  return problems;
}

const mismatch = (target: KnownPath) =>
  `Wrong type: ${pathText(target)} takes ${describeType(target.value)}. A value map or an expression can translate`;

function checkExpression(
  { kind, analyses }: MappingCheck,
  expression: string,
  target: KnownPath,
): readonly MappingProblem[] {
  const analysis = analyses.get(expression);
  if (analysis?.ok !== true) return [{ path: 'expression', message: analysis?.message ?? 'Cannot be read' }];
  const unknown = analysis.names.filter((name) => !isSourceName(kind, name));
  return [
    ...unknown.map((name) => ({
      path: 'expression',
      message: `${kind.words.many} have no field \`${name.slice(0, 100)}\``,
    })),
    ...(analysis.result !== null && !isResultAssignable(analysis.result, target.value)
      ? [
          {
            path: 'expression',
            message: `Wrong type: results in ${RESULTS[analysis.result]}, and ${pathText(target)} takes ${describeType(target.value)}`,
          },
        ]
      : []),
  ];
}

const RESULTS: Readonly<Record<ResultType, string>> = {
  text: 'text',
  number: 'a number',
  boolean: 'true or false',
};

function checkValues(check: MappingCheck, rule: MappingRule, { source, target }: Ends): readonly MappingProblem[] {
  const values = rule.values ?? {};
  if (!isScalar(source.value) || !isScalar(target.value))
    return [
      { path: 'values', message: 'A value map translates single values: texts, words, true and false, and amounts' },
    ];
  return [
    ...Object.entries(values).flatMap(([key, value]) => {
      const path = `values.${key}`;
      const misfit = mismatchOf(value, target.value);
      return [
        ...(valueOfKey(key, source.value) === undefined
          ? [{ path, message: `${pathText(source)} never has this value: it takes ${describeType(source.value)}` }]
          : []),
        ...(misfit === null ? [] : [{ path, message: `Wrong type for ${pathText(target)}: ${misfit}` }]),
      ];
    }),
    ...(pulls(check, rule) ? clashesIn(values) : []).map(({ key, earlier }) => ({
      path: `values.${key}`,
      message: `Has no inverse: \`${earlier}\` becomes the same. Give each its own value, or send \`direction: push\``,
    })),
  ];
}

/** Two rules may not write one field, nor one a field and another a key within it. */
function overlaps(
  rules: readonly (MappingRule | null)[],
  side: 'target' | 'source',
  counts: (rule: MappingRule) => boolean,
): readonly MappingProblem[] {
  const verb = side === 'target' ? 'sends' : 'reads back into';
  return rules.flatMap((rule, index) => {
    const text = rule !== null && counts(rule) ? rule[side] : undefined;
    if (text === undefined) return [];
    const earlier = rules.findIndex(
      (other, at) => at < index && other !== null && counts(other) && overlap(other[side] ?? '', text),
    );
    return earlier === -1
      ? []
      : [{ path: `fields.${index}.${side}`, message: `Rule ${earlier} ${verb} the same field already` }];
  });
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [parsePath(one), parsePath(other)];
  return a.field === b.field && (a.key === null || b.key === null || a.key === b.key);
}
