import { z } from 'zod';
import type { GrantAccount } from '../../domain/grants/account-choice.ts';
import type { OAuthCalls, SessionCredential } from '../oauth.ts';
import type { MailchimpConfig } from './account.ts';
import { createAsk } from './http/ask.ts';

const pageSchema = z.object({
  lists: z.array(z.object({ id: z.string().min(1), name: z.string().nullish() })),
});

const PAGE_SIZE = 1_000;

/** An account's audiences (https://mailchimp.com/developer/marketing/api/lists/get-lists-info/, read 2026-11-29). */
export async function listAudiences(
  config: MailchimpConfig,
  credential: SessionCredential,
  calls: OAuthCalls,
): Promise<readonly GrantAccount[]> {
  const ask = createAsk(config, { ...credential, ...calls });
  const query = { fields: 'lists.id,lists.name', count: String(PAGE_SIZE) };
  const { lists } = await ask(pageSchema, { method: 'GET', path: 'lists', query });
  return lists.map(({ id, name }) => ({ id, name: name || null }));
}
