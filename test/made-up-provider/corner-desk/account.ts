import { z } from 'zod';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { ProviderAccount } from '../../../providers/provider.ts';
import type { Ask } from './ask.ts';

const accountSchema = z.object({ id: z.string(), name: z.string(), test: z.boolean() });

export async function readAccount(ask: Ask): Promise<ProviderAccount> {
  const account = await ask(accountSchema, '/v2/account');
  if (!account) throw new ProviderError({ provider: 'corner-desk', kind: 'unexpected-response' });
  const { id, name, test } = account;
  return { externalAccountId: id, name, environment: test ? 'sandbox' : 'production', scopes: [] };
}
