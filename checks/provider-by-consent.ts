import { z } from 'zod';
import type { ApiClient } from '../runtime/cli/api-client.ts';

const integrations = z.object({ data: z.array(z.object({ provider: z.string(), connect: z.array(z.string()) })) });

/** The first provider that is connected by its owner's consent. Throws where the service has none. */
export async function providerByConsent(api: Pick<ApiClient, 'get'>): Promise<string> {
  const { data } = integrations.parse(await api.get('/v1/integrations'));
  const found = data.find(({ connect }) => connect.includes('oauth'));
  if (!found) throw new Error('no provider is connected by consent');
  return found.provider;
}
