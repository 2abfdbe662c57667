import { z } from 'zod';
import { ControlError } from '../../core/control-api.ts';
import { findMember } from '../audience/finding.ts';
import { hashOf, putMembers, timeOf } from '../state/mailchimp-state.ts';
import type { Member, Owner } from '../state/mailchimp-state.ts';
import type { MailchimpEvent } from '../webhooks.ts';
import { memberWith } from './seeds.ts';

/** What people do at Mailchimp itself; `member` is a `contact_id` or an address. */
export const actBody = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('subscribe'), email: z.string(), ...whose() }),
  z.strictObject({ act: z.literal('unsubscribe'), member: z.string(), ...whose() }),
  z.strictObject({ act: z.literal('bounce'), member: z.string(), ...whose() }),
  z.strictObject({ act: z.literal('archive'), member: z.string(), ...whose() }),
  z.strictObject({
    act: z.literal('edit'),
    member: z.string(),
    fields: z.record(z.string(), z.unknown()),
    ...whose(),
  }),
  z.strictObject({ act: z.literal('change-address'), member: z.string(), email: z.string(), ...whose() }),
]);
export type Act = z.output<typeof actBody>;

function whose() {
  return { account: z.string().optional(), list: z.string().optional() };
}

/** Carries an act out and answers its events, https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/ (2026-11). */
export function carryOut(owner: Owner, list: string, act: Act): readonly MailchimpEvent[] {
  const at = timeOf(owner.nowMs);
  const event = (type: string, data: MailchimpEvent['data']): MailchimpEvent => ({
    type,
    fired_at: at.slice(0, 19).replace('T', ' '),
    data: { ...data, list_id: list },
  });
  const store = (member: Member) => {
    putMembers(owner, [{ ...member, last_changed: at }]);
    return told(member);
  };
  if (act.act === 'subscribe')
    return [event('subscribe', store(memberWith(list, { email_address: act.email }, owner.nowMs)))];
  const member = findMember(owner, list, act.member);
  if (!member) throw new ControlError(404, 'member-not-found', { message: 'There is no such member.' });
  switch (act.act) {
    case 'unsubscribe': {
      const data = store({
        ...member,
        status: 'unsubscribed',
        _inComplianceState: true,
        unsubscribe_reason: 'N/A (Unsubscribed by an admin)',
      });
      return [event('unsubscribe', { ...data, action: 'unsub', reason: 'manual' })];
    }
    case 'bounce': {
      store({ ...member, status: 'cleaned', _inComplianceState: true });
      return [event('cleaned', { campaign_id: '4fjk2ma9xd', reason: 'hard', email: member.email_address })];
    }
    case 'archive':
      return [
        event('unsubscribe', { ...store({ ...member, status: 'archived' }), action: 'delete', reason: 'manual' }),
      ];
    case 'edit':
      return [event('profile', store({ ...member, merge_fields: { ...member.merge_fields, ...act.fields } }))];
    case 'change-address': {
      const next = { ...member, email_address: act.email, id: hashOf(act.email) };
      const data = store(next);
      const changed = { new_id: next.id.slice(0, 10), new_email: act.email, old_email: member.email_address };
      // A profile update always comes with an address change.
      return [event('upemail', changed), event('profile', data)];
    }
  }
}

const told = (member: Member): MailchimpEvent['data'] => ({
  id: member.id.slice(0, 10),
  email: member.email_address,
  email_type: 'html',
  ip_opt: '127.0.0.1',
  merges: { EMAIL: member.email_address, ...member.merge_fields },
});
