import type { VenueId } from '../../../contracts/ids.ts';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { xeroSandboxControl } from '../../support/sandbox/xero-organisation.ts';
import type { XeroOrganisation } from '../../support/sandbox/xero-organisation.ts';
import { createUnpacedProviders } from '../../support/test-providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue, WorldOptions } from '../../support/worlds/sync-world.ts';

export interface XeroVenue extends TestVenue {
  readonly organisation: XeroOrganisation;
}

/** The activities with their real parts against the stand-in Xero. */
export async function createXeroSyncWorld(options: WorldOptions = {}) {
  const xero = await startXeroSandbox();
  const control = xeroSandboxControl(xero);
  /** Connections have an entered key, which does not tell its organisation. */
  const organisations = new Map<string, string>();
  const world = await createSyncWorld({
    ...options,
    provider: 'xero',
    // Only so that the world may be spread: nothing stands between the activities and this stand-in.
    withProxy: true,
    providersOn(budget) {
      const providers = createUnpacedProviders({ xero: { apiUrl: xero.apiUrl } }, budget);
      return {
        ...providers,
        open(provider, session) {
          const onBehalfOf = organisations.get(session.secretKey.expose());
          return providers.open(provider, onBehalfOf === undefined ? session : { ...session, onBehalfOf });
        },
      };
    },
  });

  async function connectOrganisation(venueId: VenueId, organisation: XeroOrganisation): Promise<XeroVenue> {
    organisations.set(organisation.token, organisation.id);
    const account = { secretKey: organisation.token, id: organisation.id, environment: 'production' } as const;
    return { ...(await world.connect(venueId, account)), organisation };
  }

  /** A venue, connected to a new organisation. */
  async function aXeroVenue(): Promise<XeroVenue> {
    const { venueId } = await world.aVenue('unused');
    return connectOrganisation(venueId, await control.addOrganisation());
  }

  return {
    ...world,
    xero: control,
    connectOrganisation,
    aXeroVenue,
    async close() {
      await xero.close();
      await world.close();
    },
  };
}

export type XeroSyncWorld = Awaited<ReturnType<typeof createXeroSyncWorld>>;
