import { z } from 'zod';
import type { Resource } from '../../../contracts/providers.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { ProviderAdapterParts } from '../../../providers/provider.ts';
import { guardedFetch } from '../../../providers/kit/address-guard.ts';
import type { CornerDeskSettings } from './settings.ts';
import { createAsk } from './ask.ts';
import { createCustomerSession, customerMapping, customerPullPlan } from './customers.ts';

const accountSchema = z.object({ id: z.string(), name: z.string(), test: z.boolean() });

export function createCornerDeskAdapter({ privateAddresses }: CornerDeskSettings): ProviderAdapterParts {
  const fetchGuarded = guardedFetch(privateAddresses ?? []);
  return {
    open(options) {
      const ask = createAsk(options, fetchGuarded);
      return {
        async account() {
          const account = await ask(accountSchema, '/v2/account');
          if (!account) throw new ProviderError({ provider: 'corner-desk', kind: 'unexpected-response' });
          return {
            externalAccountId: account.id,
            name: account.name,
            environment: account.test ? 'sandbox' : 'production',
            scopes: [],
          };
        },
        newestChangeEpochS: () => Promise.resolve(null),
        resource: (resource) => only(resource, () => createCustomerSession(ask)),
      };
    },
    mapping: (resource) => only(resource, () => customerMapping),
    pullPlan: (resource) => only(resource, () => customerPullPlan),
  };
}

function only<T>(resource: Resource, customers: () => T): T {
  if (resource !== 'customers') throw new Error(`corner-desk does not sync ${resource}`);
  return customers();
}
