import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue, WorldOptions } from '../../support/worlds/sync-world.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { squareSandboxControl } from '../../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../../support/sandbox/square-merchant.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { inventory } from '../../../records/inventory.ts';
import { products } from '../../../records/products.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';

export interface SquareVenue extends TestVenue {
  readonly merchant: SquareMerchant;
}

/** The activities with their real parts against the stand-in Square; `proxy` edits its answers. */
export async function createSquareSyncWorld(options: WorldOptions = {}) {
  const square = await startSquareSandbox();
  const proxy = await startAnswerEditingProxy(square.apiUrl);
  const world = await createSyncWorld({
    ...options,
    provider: 'square',
    // Only so that the world may be spread: Square has a proxy of its own.
    withProxy: true,
    providersOn: (budget) => createTestProviders({ square: { apiUrl: proxy.url, sandbox: true } }, budget),
  });
  const control = squareSandboxControl(square);

  async function aSquareVenue(): Promise<SquareVenue> {
    const merchant = await control.addMerchant();
    const venue = await world.aVenue(merchant.token);
    return { ...venue, merchant };
  }

  /** Calls of one endpoint since the world began, by the end of its path. */
  const callsTo = async ({ merchant }: SquareVenue, end: string) =>
    (await merchant.calls()).filter(({ path }) => path.endsWith(end));

  return {
    ...world,
    square: control,
    proxy,
    products: createRecordStore(world.database.db, products),
    inventory: createRecordStore(world.database.db, inventory),
    aSquareVenue,
    callsTo,
    async close() {
      await proxy.close();
      await square.close();
      await world.close();
    },
  };
}

export type SquareSyncWorld = Awaited<ReturnType<typeof createSquareSyncWorld>>;

export const aProduct = (index: number, more: object = {}) => ({
  sourceId: `p-${index}`,
  ...{ name: `Product ${index}`, sku: `SKU-${index}`, amountMinor: 100 + index, currency: 'GBP' },
  ...more,
});
