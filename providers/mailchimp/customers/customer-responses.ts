import { z } from 'zod';
import { DOCUMENTED_NAMES, issuesOf, namesIn, nullableText } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';

/**
 * As far as a member is read here (https://mailchimp.com/developer/marketing/api/list-members/, read 2026-11-29), without
 * transformations: they take most of the time of reading one.
 * `contact_id` is the member's identity; `id` is a hash of the address and changes with it.
 */
export const memberSchema = z.object({
  contact_id: z.string().min(1),
  id: z.string().min(1),
  email_address: z.string().min(1),
  status: z.enum(['subscribed', 'unsubscribed', 'cleaned', 'pending', 'transactional', 'archived']),
  unsubscribe_reason: nullableText,
  merge_fields: z.looseObject({}).nullish(),
  tags: z.array(z.object({ name: z.string().min(1) })).nullish(),
  language: nullableText,
  vip: z.boolean().nullish(),
  last_changed: nullableText,
});
export type Member = z.output<typeof memberSchema>;

/** The fields of `memberSchema`, as the parameter `fields` names them. */
export const MEMBER_FIELDS = Object.keys(memberSchema.shape);
// Lists are asked for these alone.
memberSchema.register(DOCUMENTED_NAMES, namesIn(MEMBER_FIELDS.join(' ')));

/** An error of one member of a batch. */
const itemError = z.object({
  email_address: nullableText,
  error: nullableText,
  error_code: nullableText,
  field: nullableText,
});
export type ItemError = z.output<typeof itemError>;

const members = z
  .array(z.unknown())
  .nullish()
  .transform((value) => value ?? []);

/** The answer to a batch, https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/, read 2026-11-29. */
export const batchSchema = z.object({
  new_members: members,
  updated_members: members,
  errors: z
    .array(itemError)
    .nullish()
    .transform((value) => value ?? []),
});
export type BatchAnswer = z.output<typeof batchSchema>;

/** One member of a batch's answer, or what is unreadable about it. */
export function memberIn(raw: unknown): Member | ProviderError {
  const { data, error } = memberSchema.safeParse(raw);
  return data ?? unreadableMember(issuesOf(error));
}

/** For one member whose shape is not the requested one, as `issues` say. */
export const unreadableMember = (issues: string): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'unexpected-response', httpStatus: 200, unreadable: issues });
