import { z } from 'zod';
import type { StartedCopy } from '../service-copy.ts';
import { providerByConsent } from '../provider-by-consent.ts';

export interface Targets {
  /** Path parameters by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Operations that end their connection: they get their own, because all others would otherwise meet a dead one. */
  readonly closable: readonly {
    readonly operationId: string;
    readonly parameters: Readonly<Record<string, string>>;
  }[];
}

const CLOSING = ['disconnectConnection', 'suspendConnection'];
/** A record of each kind that a few fields make. */
const RECORDS = {
  products: { sourceId: 'fuzz', name: 'A product' },
  customers: { sourceId: 'fuzz', name: 'A customer' },
  transactions: {
    sourceId: 'fuzz',
    kind: 'payment',
    occurredAt: '2026-11-01T00:00:00Z',
    amountMinor: 1,
    currency: 'EUR',
    status: 'succeeded',
  },
};
const PARAMETERS = { products: 'productId', customers: 'customerId', transactions: 'transactionId' } as const;

const page = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });
const made = z.object({ id: z.string() });

/**
 * The targets of the requests: the demonstration's venue, connection and run, a record of some kinds, and a connection
 * to lose.
 */
export async function targetsOf({ api, venueId, connectionId }: StartedCopy): Promise<Targets> {
  const base = `/v1/venues/${venueId}`;
  const first = async (list: string) => page.parse(await api.get(`${base}/${list}`)).data[0]?.id ?? '';
  const records: Record<string, string> = {};
  for (const [resource, record] of Object.entries(RECORDS)) {
    await api.post(`${base}/records/${resource}/batch`, { records: [record] });
    records[PARAMETERS[resource as keyof typeof PARAMETERS]] = await first(`records/${resource}?sourceId=fuzz`);
  }
  const wish = { provider: await providerByConsent(api), environment: 'sandbox' };
  const lost = made.parse(await api.post(`${base}/connections`, wish));
  return {
    parameters: { venueId, connectionId, syncId: await first('syncs'), ...records },
    closable: CLOSING.map((operationId) => ({ operationId, parameters: { venueId, connectionId: lost.id } })),
  };
}
