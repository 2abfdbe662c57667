import { z } from 'zod';
import { MERGE_POLICIES } from '../../contracts/records.ts';
import { NOT_TRIED } from '../../contracts/mappings.ts';
import type { MappingTrial } from '../../contracts/mappings.ts';
import { DEFAULT_POLICY, isReadOnlyRule, policiesOf } from '../../domain/mapping/mapping.ts';
import type { MappingDefinition, MappingRule } from '../../domain/mapping/mapping.ts';
import type { StoredMapping } from '../../db/mappings/mapping-store.ts';
import { EXPRESSION_LIMITS } from '../../expressions/limits.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import { ofWhole, whereRight } from './combined-fields.ts';
import { orNull, timestamp, uuid } from './common.ts';
import { direction, resource } from './words.ts';

export const MAX_RULES = 100;
const MAX_VALUES = 500;
const MAX_PREVIEWED = 20;

const mergePolicy = z.enum(MERGE_POLICIES).meta({
  id: 'MergePolicy',
  description:
    'Whose value a field keeps when both sides have changed it: the `venue`’s, the `provider`’s, the `newest`, or none until a person decides (`review`).',
});
const ruleFields = {
  target: z.string().min(1).max(200).meta({
    description: 'A field as the provider is sent it, or a key within one, such as `metadata.season`.',
    example: 'description',
  }),
  source: z.string().min(1).max(200).optional().meta({
    description: 'A field of the venue’s record, or a key within one; `sourceId` too.',
    example: 'metadata.note',
  }),
  expression: z
    .string()
    .min(1)
    .max(EXPRESSION_LIMITS.maxLength)
    .optional()
    .meta({ description: 'JSONata over the venue’s record, in place of `source`.', example: 'name & " – " & sku' }),
  values: z
    .record(z.string().max(5_000), z.union([z.string().max(5_000), z.number(), z.boolean()]))
    .refine((values) => Object.keys(values).length > 0, ofWhole('Must have at least one value'))
    .refine((values) => Object.keys(values).length <= MAX_VALUES, ofWhole(`Must have at most ${MAX_VALUES} values`))
    .optional()
    .meta({ description: 'The provider’s value for each of the venue’s.', example: { summer: 'Sommer' } }),
};

export const ruleInput = z
  .strictObject({
    ...ruleFields,
    direction: direction.default('both'),
    policy: mergePolicy.default('venue'),
    readOnly: z.boolean().optional().meta({ description: 'As answers have it; not taken.' }),
  })
  .superRefine(
    ({ source, expression, values }, context) => {
      const wrong = (field: string, message: string) => {
        context.addIssue({ code: 'custom', path: [field], message });
      };
      if ((source === undefined) === (expression === undefined))
        for (const field of ['source', 'expression']) wrong(field, 'Send either `source` or `expression`');
      if (values !== undefined && expression !== undefined) wrong('values', 'Belongs to `source`');
    },
    whereRight('source', 'expression', 'values'),
  )
  .meta({ id: 'MappingRuleInput' });

const fields = z
  .array(ruleInput)
  .max(MAX_RULES)
  .meta({ description: `At most ${MAX_RULES} rules. Every field that no rule names keeps its name and its value.` });

export const mappingBody = z
  .strictObject({
    fields,
    policy: mergePolicy.default(DEFAULT_POLICY),
    deletionPolicy: mergePolicy.optional(),
  })
  .meta({
    id: 'FieldMappingInput',
    description:
      '`policy` is that of the fields that no rule names. `deletionPolicy` decides about a record that one side deletes while the other changes it; left out, it is as `policy`.',
  });

export const rollbackBody = z
  .strictObject({
    version: z.int().min(0).meta({ description: 'One of `/versions`; 0 for the defaults.', example: 1 }),
  })
  .meta({ id: 'MappingRollback' });

export const previewBody = z
  .strictObject({
    fields: fields.optional().meta({ description: 'Rules to try. When left out: those that apply.' }),
    recordIds: z
      .array(uuid)
      .min(1)
      .max(MAX_PREVIEWED)
      .optional()
      .meta({ description: `Up to ${MAX_PREVIEWED} records. When left out: some of the venue’s.` }),
  })
  .meta({ id: 'MappingPreviewInput' });

const ruleAnswer = z
  .object({
    ...ruleFields,
    direction: direction,
    policy: mergePolicy,
    readOnly: z.boolean().meta({
      description: 'Nothing is read back into the venue’s records: an expression has no inverse.',
    }),
  })
  .meta({ id: 'MappingRule' });

const aboutVersion = {
  version: z.int().meta({ description: 'Grows with every change; 0 for the defaults.' }),
  active: z.boolean().meta({ description: 'Whether it is the version that applies.' }),
  fields: z.array(ruleAnswer),
  policy: mergePolicy,
  deletionPolicy: mergePolicy,
  restoredVersion: z.int().nullable().meta({ description: 'The version that it repeats, after a rollback.' }),
  createdAt: timestamp.nullable(),
  createdBy: z.string().nullable().meta({ description: 'The subject of the token that it was sent with.' }),
  reprojectedAt: timestamp.nullable().meta({
    description: 'When every record had been read and written again under it; null until then, and for the defaults.',
  }),
};

export const mappingVersionAnswer = z.object(aboutVersion).meta({ id: 'FieldMappingVersion' });

export const mappingAnswer = z
  .object({
    resource,
    ...aboutVersion,
    defaults: z.array(z.string()).meta({ description: 'The fields that keep their name and their value.' }),
  })
  .meta({ id: 'FieldMapping' });

const trial = z
  .object({
    outcome: z.enum(['accepted', 'not-tried']).meta({ id: 'MappingTrialOutcome' }),
    reason: orNull(z.enum(NOT_TRIED).meta({ id: 'MappingNotTried' })).meta({ description: 'Why it was not tried.' }),
    recordId: z
      .uuid()
      .nullable()
      .meta({ description: 'The record that the provider has taken as the mapping makes it.' }),
  })
  .meta({ id: 'MappingTrial' });

export const savedMappingAnswer = mappingAnswer
  .extend({ trial: orNull(trial).meta({ description: 'Null where nothing has changed.' }) })
  .meta({ id: 'SavedFieldMapping' });

const mappingProblem = z
  .object({ path: z.string(), message: z.string() })
  .meta({ id: 'MappingProblem', description: 'A field that cannot be written. Never its value.' });

const previewed = z
  .object({
    recordId: z.uuid(),
    sourceId: z.string(),
    sent: z.record(z.string(), z.unknown()).meta({ description: 'The fields as the provider is sent them.' }),
    payload: z.record(z.string(), z.unknown()).meta({ description: 'The same in the provider’s words.' }),
    readBack: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The fields of the venue’s record after a pull of just that.' }),
    problems: z.array(mappingProblem),
  })
  .meta({ id: 'PreviewedRecord' });

export const previewAnswer = z.object({ data: z.array(previewed) }).meta({ id: 'MappingPreview' });

type Policies = Pick<MappingDefinition, 'policy' | 'deletionPolicy'>;

/** The rules as they are stored: a policy that the default would be is left out, so that equal mappings are equal. */
export function toDefinition(rules: z.output<typeof fields>, given: Policies = {}): MappingDefinition {
  const { policy, deletionPolicy } = policiesOf({ fields: [], ...given });
  return {
    fields: rules.map(({ readOnly: _readOnly, ...rule }) => rule),
    ...(policy !== DEFAULT_POLICY && { policy }),
    ...(deletionPolicy !== policy && { deletionPolicy }),
  };
}

const presentRule = (rule: MappingRule) => ({ ...rule, readOnly: isReadOnlyRule(rule) });

export function presentVersion(stored: StoredMapping): z.input<typeof mappingVersionAnswer> {
  const { version, active, definition, restoredVersion, createdAt, createdBy, reprojectedAt } = stored;
  return {
    ...{ version, active, restoredVersion, createdBy },
    fields: definition.fields.map(presentRule),
    ...policiesOf(definition),
    createdAt: createdAt?.toISOString() ?? null,
    reprojectedAt: reprojectedAt?.toISOString() ?? null,
  };
}

export function presentMapping(kind: RecordKind, stored: StoredMapping): z.input<typeof mappingAnswer> {
  const mapped = new Set(stored.definition.fields.map(({ target }) => target));
  return {
    resource: kind.name,
    ...presentVersion(stored),
    defaults: Object.keys(kind.fields).filter((name) => !mapped.has(name)),
  };
}

export const presentTrial = (told: MappingTrial | null): z.input<typeof savedMappingAnswer>['trial'] =>
  told && {
    outcome: told.outcome === 'accepted' ? 'accepted' : 'not-tried',
    reason: told.reason,
    recordId: told.recordId,
  };
