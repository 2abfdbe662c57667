import type { VenueId } from '../../../contracts/ids.ts';
import type { Providers } from '../../../providers/providers.ts';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { quickbooksSandboxControl } from '../../support/sandbox/quickbooks-company.ts';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';
import { createUnpacedProviders } from '../../support/test-providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue, WorldOptions } from '../../support/worlds/sync-world.ts';

export interface QuickBooksVenue extends TestVenue {
  readonly company: QuickBooksCompany;
}

export interface QuickBooksWorldOptions extends WorldOptions {
  /** Makes the companies production ones, whose reads are metered. */
  readonly readsPerMonth?: number;
}

/** The activities with their real parts against the stand-in QuickBooks. */
export async function createQuickBooksSyncWorld(options: QuickBooksWorldOptions = {}) {
  const { readsPerMonth } = options;
  const environment = readsPerMonth === undefined ? 'sandbox' : 'production';
  const quickbooks = await startQuickBooksSandbox();
  const control = quickbooksSandboxControl(quickbooks);
  /** Connections have an entered key, which does not tell its company. */
  const companies = new Map<string, string>();
  const world = await createSyncWorld({
    ...options,
    provider: 'quickbooks',
    // Only so that the world may be spread: nothing stands between the activities and this stand-in.
    withProxy: true,
    providersOn: (budget) =>
      onBehalfOfCompanies(
        createUnpacedProviders(
          {
            quickbooks: {
              ...{ apiUrl: quickbooks.apiUrl, sandbox: environment === 'sandbox' },
              ...(readsPerMonth !== undefined && { readsPerMonth }),
            },
          },
          budget,
        ),
        companies,
      ),
  });

  async function connectCompany(venueId: VenueId, company: QuickBooksCompany): Promise<QuickBooksVenue> {
    companies.set(company.token, company.id);
    return { ...(await world.connect(venueId, { secretKey: company.token, id: company.id, environment })), company };
  }

  /** A venue, connected to a new company. */
  async function aQuickBooksVenue(): Promise<QuickBooksVenue> {
    const { venueId } = await world.aVenue('unused');
    return connectCompany(venueId, await control.addCompany());
  }

  return {
    ...world,
    quickbooks: control,
    connectCompany,
    aQuickBooksVenue,
    async close() {
      await quickbooks.close();
      await world.close();
    },
  };
}

export type QuickBooksSyncWorld = Awaited<ReturnType<typeof createQuickBooksSyncWorld>>;

function onBehalfOfCompanies(providers: Providers, companies: ReadonlyMap<string, string>): Providers {
  return {
    ...providers,
    open(provider, options) {
      const onBehalfOf = companies.get(options.secretKey.expose());
      return providers.open(provider, onBehalfOf === undefined ? options : { ...options, onBehalfOf });
    },
  };
}
