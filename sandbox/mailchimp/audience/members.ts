import { Refusal } from '../../oauth/exchange.ts';
import { bodyOf, invalidResource, pageOf } from '../http/endpoint.ts';
import type { Endpoint, MailchimpRequest } from '../http/endpoint.ts';
import { byHash, hashOf, membersOf, putMembers, STATUSES, timeOf } from '../state/mailchimp-state.ts';
import type { Member, WireObject } from '../state/mailchimp-state.ts';
import { noteSideEffects } from '../state/side-effects.ts';
import { findMember, memberOf, shown } from './finding.ts';
import { created, memberExists, updated } from './member-writing.ts';
import type { Written } from './member-writing.ts';

const MEMBERS = /^\/[^/]+\/members$/;
const MEMBER = /^\/[^/]+\/members\/[^/]+$/;

/** https://mailchimp.com/developer/marketing/api/list-members/ (2026-11). */
export const MEMBER_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: MEMBERS, run: list },
  { method: 'POST', path: MEMBERS, run: add },
  { method: 'GET', path: MEMBER, run: (request) => shown(memberOf(request)) },
  { method: 'PUT', path: MEMBER, run: (request) => write(request, { creates: true }) },
  { method: 'PATCH', path: MEMBER, run: (request) => write(request, { creates: false }) },
  { method: 'DELETE', path: MEMBER, run: archive },
  { method: 'POST', path: /^\/[^/]+\/members\/[^/]+\/actions\/delete-permanent$/, run: forget },
];

const SORTS = ['timestamp_opt', 'timestamp_signup', 'last_changed'] as const;

function list(request: MailchimpRequest): object {
  const { owner, list: audience, visit } = request;
  const { query } = visit;
  const status = query.get('status');
  if (status !== null && !STATUSES.some((one) => one === status)) throw badParameter('status');
  const since = timeIn(query, 'since_last_changed') ?? -Infinity;
  const before = timeIn(query, 'before_last_changed') ?? Infinity;
  // Archived members are listed where they are asked for (https://github.com/brandonseydel/MailChimp.Net/issues/529, 2026-11).
  const found = membersOf(owner, audience).filter((member) => {
    const changedAtMs = Date.parse(member.last_changed);
    return (
      (status === null ? member.status !== 'archived' : member.status === status) &&
      changedAtMs >= since &&
      changedAtMs < before
    );
  });
  const members = pageOf(request, sorted(found, query)).map(shown);
  return { members, list_id: audience, total_items: found.length };
}

function sorted(members: readonly Member[], query: URLSearchParams): readonly Member[] {
  const field = SORTS.find((one) => one === query.get('sort_field'));
  if (field === undefined) {
    if (query.has('sort_field')) throw badParameter('sort_field');
    return members;
  }
  const sign = query.get('sort_dir') === 'DESC' ? -1 : 1;
  return [...members].sort((one, other) => sign * String(one[field]).localeCompare(String(other[field])));
}

function timeIn(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw badParameter(name);
  return atMs;
}

const badParameter = (field: string) =>
  invalidResource('The resource submitted could not be validated.', [
    { field, message: 'Data did not match any of the schemas described in anyOf.' },
  ]);

function add(request: MailchimpRequest): object {
  const { owner, list: audience } = request;
  const given = bodyOf(request);
  const known = byHash(owner, audience).get(hashIn(given));
  const writing = { list: audience, given, known, holder: undefined, skipsRequired: skipsRequired(request) };
  if (known && known.status !== 'archived') throw memberExists(known.email_address);
  return stored(request, known ? revived(request, writing, known) : created(owner, writing));
}

function write(request: MailchimpRequest, { creates }: { readonly creates: boolean }): object {
  const { owner, list: audience, rest } = request;
  const given = bodyOf(request);
  const known = findMember(owner, audience, rest[1] ?? '');
  const holder = byHash(owner, audience).get(hashIn(given));
  const writing = { list: audience, given, known, holder, skipsRequired: skipsRequired(request) };
  if (known) return stored(request, updated(owner, writing));
  if (!creates) return memberOf(request);
  return stored(request, holder ? updated(owner, { ...writing, known: holder }) : created(owner, writing));
}

type Writing = Parameters<typeof created>[1];

/** Adding an archived contact brings it back (https://github.com/brandonseydel/MailChimp.Net/issues/526, 2026-11). */
function revived({ owner }: MailchimpRequest, writing: Writing, known: Member): Written {
  const { member, effects } = updated(owner, { ...writing, known });
  return { member, effects: [...effects, { kind: 'unarchived', of: member.contact_id }] };
}

function stored({ owner }: MailchimpRequest, { member, effects }: Written): object {
  putMembers(owner, [member]);
  noteSideEffects(owner, effects);
  return shown(member);
}

function archive(request: MailchimpRequest): null {
  const member = memberOf(request);
  const { owner } = request;
  putMembers(owner, [{ ...member, status: 'archived', last_changed: timeOf(owner.nowMs) }]);
  return null;
}

/** The address is remembered, so that nobody but its owner adds it again. */
function forget(request: MailchimpRequest): null {
  const { owner, list: audience } = request;
  const { id, contact_id } = memberOf(request);
  owner.state.put(owner.id, 'forgotten', [[`${audience}/${id}`, { id, list_id: audience }]]);
  owner.state.delete(owner.id, 'members', contact_id);
  return null;
}

const hashIn = ({ email_address: address }: WireObject) => hashOf(typeof address === 'string' ? address : '');
const skipsRequired = ({ visit }: MailchimpRequest) => visit.query.get('skip_merge_validation') === 'true';

/** Most members of a batch. */
const MOST_MEMBERS = 500;

/**
 * Adds or updates up to 500 members, each with an error of its own
 * (https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/, 2026-11).
 */
export function writeBatch(request: MailchimpRequest): object {
  const { owner, list: audience } = request;
  const body = bodyOf(request);
  const members = Array.isArray(body['members']) ? (body['members'] as readonly WireObject[]) : null;
  if (members === null || members.length > MOST_MEMBERS)
    throw invalidResource('The resource submitted could not be validated.', [
      { field: 'members', message: `Array must contain at most ${MOST_MEMBERS} items` },
    ]);
  const known = byHash(owner, audience);
  const results = { new_members: [] as Member[], updated_members: [] as Member[], errors: [] as object[] };
  const effects: Written['effects'][number][] = [];
  const seen = new Set<string>();
  const writeOne = (given: WireObject): void => {
    const hash = hashIn(given);
    if (seen.has(hash)) throw memberExists(String(given['email_address']));
    seen.add(hash);
    const holder = known.get(hash);
    const isNew = holder === undefined || holder.status === 'archived';
    if (!isNew && body['update_existing'] !== true) {
      results.errors.push(contactExists(given));
      return;
    }
    const writing = { list: audience, given, known: holder, holder: undefined, skipsRequired: skipsRequired(request) };
    const written = holder ? writtenOver(request, writing, holder) : created(owner, writing);
    known.set(written.member.id, written.member);
    effects.push(...written.effects);
    results[isNew ? 'new_members' : 'updated_members'].push(written.member);
  };
  for (const given of members)
    try {
      writeOne(given);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      results.errors.push(errorOf(given, error));
    }
  putMembers(owner, [...results.new_members, ...results.updated_members]);
  noteSideEffects(owner, effects);
  return {
    new_members: results.new_members.map(shown),
    updated_members: results.updated_members.map(shown),
    errors: results.errors,
    total_created: results.new_members.length,
    total_updated: results.updated_members.length,
    error_count: results.errors.length,
  };
}

/** An archived member without a status stays archived. */
function writtenOver(request: MailchimpRequest, writing: Writing, holder: Member): Written {
  const isRevived = holder.status === 'archived' && typeof writing.given['status'] === 'string';
  return isRevived ? revived(request, writing, holder) : updated(request.owner, writing);
}

const contactExists = ({ email_address: address }: WireObject) => ({
  email_address: address,
  error: `${String(address)} is already a list member, do you want to update? please provide update_existing:true in the request body`,
  error_code: 'ERROR_CONTACT_EXISTS',
  field: '',
  field_message: '',
});

function errorOf({ email_address: address }: WireObject, { reply }: Refusal): object {
  const { detail, errors } = JSON.parse(reply.body) as {
    readonly detail: string;
    readonly errors?: readonly { readonly field: string; readonly message: string }[];
  };
  return {
    ...{ email_address: address, error: detail, error_code: 'ERROR_GENERIC' },
    ...{ field: errors?.[0]?.field ?? '', field_message: errors?.[0]?.message ?? '' },
  };
}
