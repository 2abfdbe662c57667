import { guardedFetch } from '../../../providers/kit/address-guard.ts';
import { resourceTable } from '../../../providers/kit/resource-table.ts';
import type { ResourceEntry } from '../../../providers/kit/resource-table.ts';
import type { ProviderAdapterParts, ResourceSession } from '../../../providers/provider.ts';
import { readAccount } from './account.ts';
import { createAsk } from './ask.ts';
import type { Ask } from './ask.ts';
import { cardList, cardMapping } from './cards.ts';
import { customerList, customerMapping } from './customers.ts';
import { createListSession, pullPlanOf } from './desk-list.ts';
import type { CornerDeskSettings } from './settings.ts';

interface SyncedResource extends ResourceEntry {
  open(ask: Ask): ResourceSession;
}

const RESOURCES = resourceTable<SyncedResource>('corner-desk', {
  customers: {
    mapping: customerMapping,
    pullPlan: pullPlanOf(customerList.name),
    open: (ask) => createListSession(ask, customerList),
  },
  'loyalty-cards': {
    mapping: cardMapping,
    pullPlan: pullPlanOf(cardList.name),
    open: (ask) => createListSession(ask, cardList),
  },
});

export function createCornerDeskAdapter(settings: CornerDeskSettings): ProviderAdapterParts {
  const fetchGuarded = guardedFetch(settings.privateAddresses ?? []);
  return {
    open(options) {
      const ask = createAsk(settings, options, fetchGuarded);
      return {
        account: () => readAccount(ask),
        newestChangeEpochS: () => Promise.resolve(null),
        resource: (resource) => RESOURCES.entry(resource).open(ask),
      };
    },
    mapping: RESOURCES.mapping,
    pullPlan: RESOURCES.pullPlan,
  };
}
