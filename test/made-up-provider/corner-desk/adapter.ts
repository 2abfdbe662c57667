import type { Resource } from '../../../contracts/providers.ts';
import { guardedFetch } from '../../../providers/kit/address-guard.ts';
import type { ProviderAdapterParts, PullPlan, ResourceMapping, ResourceSession } from '../../../providers/provider.ts';
import { readAccount } from './account.ts';
import { createAsk } from './ask.ts';
import type { Ask } from './ask.ts';
import { cardList, cardMapping } from './cards.ts';
import { customerList, customerMapping } from './customers.ts';
import { createListSession, pullPlanOf } from './desk-list.ts';
import type { CornerDeskSettings } from './settings.ts';

interface SyncedResource {
  readonly mapping: ResourceMapping;
  readonly plan: PullPlan;
  open(ask: Ask): ResourceSession;
}

const RESOURCES: Readonly<Record<Resource, SyncedResource>> = {
  customers: {
    mapping: customerMapping,
    plan: pullPlanOf(customerList.name),
    open: (ask) => createListSession(ask, customerList),
  },
  'loyalty-cards': {
    mapping: cardMapping,
    plan: pullPlanOf(cardList.name),
    open: (ask) => createListSession(ask, cardList),
  },
};

export function createCornerDeskAdapter(settings: CornerDeskSettings): ProviderAdapterParts {
  const fetchGuarded = guardedFetch(settings.privateAddresses ?? []);
  return {
    open(options) {
      const ask = createAsk(settings, options, fetchGuarded);
      return {
        account: () => readAccount(ask),
        newestChangeEpochS: () => Promise.resolve(null),
        resource: (resource) => of(resource).open(ask),
      };
    },
    mapping: (resource) => of(resource).mapping,
    pullPlan: (resource) => of(resource).plan,
  };
}

function of(resource: Resource): SyncedResource {
  const found = RESOURCES[resource];
  if (!found) throw new Error(`corner-desk does not sync ${resource}`);
  return found;
}
