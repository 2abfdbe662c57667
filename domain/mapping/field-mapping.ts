import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { findPath, pathText, readPath, writePath } from './field-path.ts';
import type { KnownPath } from './field-path.ts';
import { isReadOnlySource, sourcePath } from './mapping-source.ts';
import { keptBy } from './kept-fields.ts';
import type { ExpressionResult, Holdings, KeptFields, MappedFields, MappingProblem, MappingRule } from './mapping.ts';
import { NOTHING_KEPT } from './mapping.ts';
import type { MappingDefinition } from './mapping.ts';
import { invert, valueKey } from './value-map.ts';
import { mismatchOf } from './value-type.ts';

/** A field mapping as it is applied. It never throws: what it cannot write, it names as a problem. */
export interface FieldMapping {
  /** Grows with every saved change. */
  readonly version: number;
  /** The expressions whose results `toProvider` needs, in its order. */
  readonly expressions: readonly string[];
  /** What the provider holds in the fields that expressions write, in the place of their results. */
  readonly heldResults: (read: RecordFields) => readonly ExpressionResult[];
  /** The venue's fields → the fields that the provider's adapter sends. */
  readonly toProvider: (record: VenueRecord, results: readonly ExpressionResult[]) => MappedFields;
  /** The fields that the adapter has read → the venue's fields. What is kept has the value that a new record begins with. */
  readonly toVenue: (read: RecordFields) => MappedFields;
  /** What a pull leaves as it is in a record that is stored already. */
  readonly kept: KeptFields;
}

export interface VenueRecord {
  readonly sourceId: string;
  readonly fields: RecordFields;
}

/** What an expression reads: the fields of the venue's record and its `sourceId`. */
export const expressionInput = ({ sourceId, fields }: VenueRecord): RecordFields => ({ ...fields, sourceId });

interface Rule {
  readonly target: KnownPath;
  /** Null for an expression. */
  readonly source: KnownPath | null;
  readonly forward: ReadonlyMap<string, unknown> | null;
  readonly backward: ReadonlyMap<string, unknown> | null;
  readonly pushes: boolean;
  readonly pulls: boolean;
}

/** Builds what applies a definition to records of a kind, at a provider that holds its fields so. */
export function createFieldMapping(
  kind: RecordKind,
  { version, definition }: { readonly version: number; readonly definition: MappingDefinition },
  holdings: Holdings = {},
): FieldMapping {
  const compiled = definition.fields.map((rule) => compile(kind, rule));
  const rules = compiled.filter((rule) => rule !== null);
  // A later release may know a field no longer that a stored definition names.
  const unknown = definition.fields
    .filter((_rule, index) => compiled[index] === null)
    .map(({ target }) => ({ path: target, message: 'The mapping names a field that there is no longer.' }));
  const pushing = rules.filter(({ pushes }) => pushes);
  const pulling = rules.filter(({ pulls }) => pulls);
  const moved = movedKeys(kind, pushing);
  const kept = keptBy({ rules, pulling, moved, holdings });
  const groups = groupsOf(kind, rules);
  const own = {
    version,
    expressions: definition.fields.flatMap(({ expression }) => expression ?? []),
    heldResults: (read: RecordFields) =>
      rules
        .filter(({ source }) => source === null)
        .map(({ target }) => ({ ok: true as const, value: readPath(read, target) })),
    kept,
  };
  // The default mapping, which most records pass, makes no copies.
  if (definition.fields.length === 0)
    return { ...own, toProvider: ({ fields }) => unchanged(fields), toVenue: unchanged };
  return {
    ...own,

    toProvider(record, results) {
      const problems: MappingProblem[] = [...unknown];
      const given = expressionInput(record);
      let fields = moved.reduce((left, path) => writePath(left, path, null), record.fields);
      let nextResult = 0;
      for (const rule of pushing) {
        const result = rule.source === null ? results[nextResult++] : undefined;
        const written = rule.source === null ? ofExpression(result) : forward(rule, readPath(given, rule.source));
        fields = put({ fields, problems }, rule.target, written);
      }
      return { fields, problems: [...problems, ...missingIn(groups, fields)] };
    },

    toVenue(read) {
      const problems: MappingProblem[] = [...unknown];
      let fields = rules.reduce(
        (left, { target }) => (isRequired(target) ? left : writePath(left, target, null)),
        read,
      );
      for (const rule of pulling) {
        if (rule.source === null) continue;
        fields = put({ fields, problems }, rule.source, backward(rule, readPath(read, rule.target)));
      }
      return { fields, problems: [...problems, ...missingIn(groups, fields, kept)] };
    },
  };
}

const unchanged = (fields: RecordFields): MappedFields => ({ fields, problems: NO_PROBLEMS });
const NO_PROBLEMS: MappedFields['problems'] = [];

function compile(kind: RecordKind, rule: MappingRule): Rule | null {
  const target = findPath(kind, rule.target);
  const source = rule.source === undefined ? null : sourcePath(kind, rule.source);
  if (target === null || (rule.source !== undefined && source === null)) return null;
  return {
    ...{ target, source, ...translations(rule, source) },
    pushes: rule.direction !== 'pull',
    pulls: source !== null && !isReadOnlySource(source) && rule.direction !== 'push',
  };
}

function translations({ values }: MappingRule, source: KnownPath | null): Pick<Rule, 'forward' | 'backward'> {
  if (values === undefined || source === null) return { forward: null, backward: null };
  return { forward: new Map(Object.entries(values)), backward: invert(values, source.value) };
}

const isRequired = ({ key, presence }: KnownPath) => key === null && presence === 'required';

/** Either a value or why there is none. */
type Written = { readonly value: unknown } | { readonly message: string };

function ofExpression(result: ExpressionResult | undefined): Written {
  if (result?.ok === true) return { value: result.value ?? null };
  return { message: result?.message ?? 'The expression was not evaluated.' };
}

function forward({ forward: values, source }: Rule, value: unknown): Written {
  if (values === null || value === null) return { value };
  const key = valueKey(value);
  return values.has(key)
    ? { value: values.get(key) }
    : { message: `The value map has no value for what ${source === null ? 'it' : pathText(source)} holds.` };
}

function backward({ backward: values, target }: Rule, value: unknown): Written {
  if (values === null || value === null) return { value };
  const key = valueKey(value);
  return values.has(key)
    ? { value: values.get(key) }
    : { message: `The value map knows no value of the venue’s for what ${pathText(target)} holds.` };
}

interface Draft {
  readonly fields: RecordFields;
  readonly problems: MappingProblem[];
}

function put({ fields, problems }: Draft, path: KnownPath, written: Written): RecordFields {
  const message = 'message' in written ? written.message : misfit(path, written.value);
  if (message === null && 'value' in written) return writePath(fields, path, written.value);
  problems.push({ path: pathText(path), message: message ?? '' });
  return fields;
}

function misfit(path: KnownPath, value: unknown): string | null {
  if (value === null) return isRequired(path) ? 'Must not be empty.' : null;
  const mismatch = mismatchOf(value, path.value);
  return mismatch === null ? null : `${mismatch}.`;
}

/** Fields of which a record has all or none, where a rule sends or reads one of them. */
const groupsOf = (kind: RecordKind, rules: readonly Rule[]): RecordKind['together'] =>
  kind.together.filter((names) =>
    rules.some(({ target, source }) => [target, source].some((path) => path !== null && names.includes(path.field))),
  );

/** What is empty although a field that it comes with is not, such as the currency of an amount. What is kept may be stored. */
function missingIn(
  groups: RecordKind['together'],
  fields: RecordFields,
  { fields: kept, whileEmpty = [] }: KeptFields = NOTHING_KEPT,
): readonly MappingProblem[] {
  return groups.flatMap((names) => {
    const present = names.filter((name) => (fields[name] ?? null) !== null);
    if (present.length === 0) return [];
    return names
      .filter((name) => !present.includes(name) && !kept.includes(name) && !whileEmpty.includes(name))
      .map((path) => ({ path, message: `Must not be empty, because ${present.join(', ')} is not.` }));
  });
}

/**
 * Keys of maps that a rule sends under another name. They are not sent under their own as well, unless a rule says so.
 */
function movedKeys(kind: RecordKind, pushing: readonly Rule[]): readonly KnownPath[] {
  const targets = new Set(pushing.map(({ target }) => pathText(target)));
  return pushing.flatMap(({ source }) =>
    source?.key != null && kind.fields[source.field]?.value.type === 'string-map' && !targets.has(pathText(source))
      ? [source]
      : [],
  );
}
