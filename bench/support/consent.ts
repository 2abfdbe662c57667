import { z } from 'zod';
import { ownerBrowser } from '../../test/support/owner-browser.ts';
import type { System } from './system.ts';
import { Venue } from './venue.ts';

const asked = z.object({ authorizationUrl: z.url() });
const approved = z.object({ redirectUrl: z.url(), account: z.string() });

/** A venue with a connection to an account, named as the stand-in names it. */
export interface ConsentedVenue {
  readonly venue: Venue;
  readonly account: string;
}

export interface Consent {
  readonly provider: 'quickbooks' | 'xero';
  readonly environment: 'sandbox' | 'production';
}

/** Connects a venue to a new account whose owner approves. */
export async function consentTo(
  system: System,
  venueId: string,
  { provider, environment }: Consent,
): Promise<ConsentedVenue> {
  const { api } = system;
  const { authorizationUrl } = asked.parse(
    await api.post(`/v1/venues/${venueId}/connections`, { provider, environment }, crypto.randomUUID()),
  );
  const browser = ownerBrowser(() => system.apiUrl);
  const { redirectUrl, account } = approved.parse(
    await system[provider].send('POST', '/approve', {
      ...{ authorizationUrl: await browser.open(authorizationUrl), account: 'new' },
    }),
  );
  const page = await (await browser.visit(redirectUrl)).text();
  const [, connectionId] = /Connection: ([0-9a-f-]{36})/.exec(page) ?? [];
  if (connectionId === undefined) throw new Error(`the account of ${provider} could not be connected`);
  return { venue: Venue.of(api, { id: venueId, connectionId }), account };
}
