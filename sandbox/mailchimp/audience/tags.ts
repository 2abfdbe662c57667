import { z } from 'zod';
import type { Endpoint, MailchimpRequest } from '../http/endpoint.ts';
import { bodyOf, invalidResource, pageOf } from '../http/endpoint.ts';
import { hashOf, putMembers, timeOf } from '../state/mailchimp-state.ts';
import type { Tag } from '../state/mailchimp-state.ts';
import { noteSideEffects } from '../state/side-effects.ts';
import { memberOf } from './finding.ts';

const PATH = /^\/[^/]+\/members\/[^/]+\/tags$/;

const body = z.object({
  tags: z.array(z.object({ name: z.string().min(1).max(100), status: z.enum(['active', 'inactive']) })),
  is_syncing: z.boolean().default(false),
});

/** A tag's id is the same wherever the name is: it is made of the name. */
export function tagNamed(name: string): Tag {
  return { id: Number.parseInt(hashOf(name).slice(0, 6), 16), name };
}

/** https://mailchimp.com/developer/marketing/api/list-member-tags/ (2026-11): the only place that changes a known member's tags. */
export const TAG_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: PATH,
    run(request) {
      const { tags } = memberOf(request);
      const dated = tags.map((tag) => ({ ...tag, date_added: timeOf(request.owner.nowMs) }));
      return { tags: pageOf(request, dated), total_items: tags.length };
    },
  },
  { method: 'POST', path: PATH, run: changeTags },
];

function changeTags(request: MailchimpRequest): null {
  const member = memberOf(request);
  const { data } = body.safeParse(bodyOf(request));
  if (!data) throw invalidResource('The resource submitted could not be validated.');
  const named = new Map(member.tags.map((tag) => [tag.name.toLowerCase(), tag]));
  const before = new Set(named.keys());
  for (const { name, status } of data.tags)
    if (status === 'inactive') named.delete(name.toLowerCase());
    else if (!named.has(name.toLowerCase())) named.set(name.toLowerCase(), tagNamed(name));
  const { owner } = request;
  // A tag does not move `last_changed`: nobody documents that it does, so the stand-in takes the harder case.
  putMembers(owner, [{ ...member, tags: [...named.values()] }]);
  const isAdded = [...named.keys()].some((name) => !before.has(name));
  if (isAdded && !data.is_syncing) noteSideEffects(owner, [{ kind: 'tag-automation', of: member.contact_id }]);
  return null;
}
