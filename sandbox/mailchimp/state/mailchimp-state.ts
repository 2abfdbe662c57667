import { createHash, randomBytes } from 'node:crypto';
import { RecordState } from '../../core/record-state.ts';
import type { WireObject } from '../../core/record-state.ts';

export type { WireObject } from '../../core/record-state.ts';

/** `forgotten`: addresses that were deleted for good and that no client can add again. */
export const KINDS = [
  'lists',
  'merge-fields',
  'members',
  'forgotten',
  'webhooks',
  'campaigns',
  'automations',
  'side-effects',
] as const;
export type Kind = (typeof KINDS)[number];

/** Everything that the accounts have. */
export type MailchimpState = RecordState<Kind>;

export const openMailchimpState = (home: string | undefined): Promise<MailchimpState> =>
  RecordState.open(home, 'mailchimp-records');

export const STATUSES = ['subscribed', 'unsubscribed', 'cleaned', 'pending', 'transactional', 'archived'] as const;
export type Status = (typeof STATUSES)[number];

export interface Tag {
  readonly id: number;
  readonly name: string;
}

/** A member as the state has it. */
export interface Member extends WireObject {
  /** MD5 of the address in lower case: it changes with the address. */
  readonly id: string;
  /** Stays the same whatever the address is. */
  readonly contact_id: string;
  readonly email_address: string;
  readonly status: Status;
  readonly merge_fields: Readonly<Record<string, unknown>>;
  readonly tags: readonly Tag[];
  readonly last_changed: string;
  readonly list_id: string;
  /** The member has unsubscribed or bounced: no client subscribes the address again. Part of no answer. */
  readonly _inComplianceState?: boolean;
}

/** One account's part of the state, at the time of a request. */
export interface Owner {
  readonly state: MailchimpState;
  readonly id: string;
  readonly name: string;
  readonly nowMs: number;
}

/** https://mailchimp.com/developer/marketing/docs/methods-parameters/ (2026-11): the MD5 hash of the address in lower case. */
export const hashOf = (address: string): string => createHash('md5').update(address.toLowerCase()).digest('hex');

export const newContactId = (): string => randomBytes(16).toString('hex');

/** A time as Mailchimp writes it: whole seconds of UTC. */
export const timeOf = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}+00:00`;

export const membersOf = ({ state, id }: Owner, list: string): readonly Member[] =>
  (state.list(id, 'members') as readonly Member[]).filter(({ list_id }) => list_id === list);

/** Members of one audience, by the hash of their address. */
export const byHash = (owner: Owner, list: string): Map<string, Member> =>
  new Map(membersOf(owner, list).map((member) => [member.id, member]));

export const putMembers = ({ state, id }: Owner, members: readonly Member[]): void => {
  state.put(
    id,
    'members',
    members.map((member) => [member.contact_id, member]),
  );
};

/** The fields that a new audience has, https://mailchimp.com/help/manage-audience-signup-form-fields/ (2026-11). */
const USUAL_FIELDS = [
  { tag: 'FNAME', name: 'First Name', type: 'text' },
  { tag: 'LNAME', name: 'Last Name', type: 'text' },
  { tag: 'ADDRESS', name: 'Address', type: 'address' },
  { tag: 'PHONE', name: 'Phone Number', type: 'phone' },
  { tag: 'BIRTHDAY', name: 'Birthday', type: 'birthday' },
] as const;

/** The account's audiences. An account has one from its first day. */
export function listsOf(owner: Owner): readonly WireObject[] {
  const { state, id, name } = owner;
  const known = state.list(id, 'lists');
  if (known.length > 0) return known;
  addList(owner, { id: createHash('sha256').update(id).digest('hex').slice(0, 10), name });
  return state.list(id, 'lists');
}

/** Adds an audience with the usual fields. */
export function addList(owner: Owner, { id: list, name }: { readonly id: string; readonly name: string }): void {
  const { state, id, nowMs } = owner;
  state.put(id, 'lists', [[list, { id: list, web_id: 1, name, date_created: timeOf(nowMs), visibility: 'pub' }]]);
  for (const [index, field] of USUAL_FIELDS.entries())
    putField(owner, list, {
      ...{ merge_id: index + 1, required: false, default_value: '', public: true, display_order: index + 2 },
      ...{ ...field, options: {}, help_text: '' },
    });
}

export interface MergeField extends WireObject {
  readonly tag: string;
  readonly type: string;
  readonly required: boolean;
  readonly list_id: string;
}

export const fieldsOf = ({ state, id }: Owner, list: string): readonly MergeField[] =>
  (state.list(id, 'merge-fields') as readonly MergeField[]).filter(({ list_id }) => list_id === list);

export function putField({ state, id }: Owner, list: string, field: WireObject & { readonly tag: string }): void {
  state.put(id, 'merge-fields', [[`${list}/${field.tag}`, { ...field, list_id: list }]]);
}
