import type { Endpoint, MailchimpRequest } from '../http/endpoint.ts';
import { notFound, pageOf } from '../http/endpoint.ts';
import { listsOf, membersOf } from '../state/mailchimp-state.ts';
import type { WireObject } from '../state/mailchimp-state.ts';
import { writeBatch } from './members.ts';

/** https://mailchimp.com/developer/marketing/api/lists/ (2026-11). */
export const LIST_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: /^$/,
    run(request) {
      const lists = listsOf(request.owner);
      return {
        lists: pageOf(
          request,
          lists.map((one) => withStats(request, one)),
        ),
        total_items: lists.length,
      };
    },
  },
  {
    method: 'GET',
    path: /^\/[^/]+$/,
    run(request) {
      const found = listsOf(request.owner).find(({ id }) => id === request.list);
      if (!found) throw notFound();
      return withStats(request, found);
    },
  },
  { method: 'POST', path: /^\/[^/]+$/, run: writeBatch },
];

function withStats({ owner }: MailchimpRequest, list: WireObject): WireObject {
  const members = membersOf(owner, String(list['id']));
  const count = (wanted: string) => members.filter(({ status }) => status === wanted).length;
  return {
    ...list,
    stats: {
      member_count: count('subscribed'),
      unsubscribe_count: count('unsubscribed'),
      cleaned_count: count('cleaned'),
    },
  };
}
