import { randomBytes, randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { PUBLIC_URL } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';
import { anAccount, mailchimpEvent } from './webhook-deliveries.ts';

/** A connection, and the account that it leads to. */
export interface Connected {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly account: string;
}

type Provider = 'stripe' | 'mailchimp' | 'square' | 'quickbooks';

interface EndpointBody {
  readonly url: string | null;
  readonly verifiedBy: string;
  readonly signingSecretSet: boolean;
  readonly previousUrlEndsAt: string | null;
}
export const bodyOf = ({ json }: Answered) => json as unknown as EndpointBody;
export const pathOf = ({ venueId, connectionId }: Connected, rest = '') =>
  `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint${rest}`;

export const aSecret = () => `whsec_${randomBytes(16).toString('hex')}`;
export const signedByStripe = (body: string, secret: string) => ({
  'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret }),
});
export const stripeEvent = (fields: object = {}) =>
  JSON.stringify({
    id: `evt_${randomUUID()}`,
    object: 'event',
    livemode: false,
    type: 'payout.paid',
    data: { object: {} },
    ...fields,
  });

/** Requests about addresses of connections, and deliveries to them. */
export function endpointRequests(api: () => ApiWorld) {
  /** A connection with a key of the venue's own. */
  async function aConnection(
    provider: Provider,
    { account = '', state = 'active', flow = null as string | null } = {},
  ) {
    const { admin } = api().database;
    const whose = account || (provider === 'stripe' ? anAccount('stripe') : randomBytes(12).toString('hex'));
    const ref: Connected = { venueId: await api().aVenue(), connectionId: uuidv7() as ConnectionId, account: whose };
    const environment = provider === 'mailchimp' ? 'production' : 'sandbox';
    await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${ref.connectionId}, ${ref.venueId}, ${provider}, ${environment}, ${state}, ${whose}, ${flow})`;
    if (flow === null)
      await admin`insert into venue_api_keys (connection_id, venue_id, sealed_key) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
    else
      await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
    return ref;
  }

  /** The path of a new address. */
  async function anAddress(ref: Connected, json: object = {}): Promise<string> {
    const answer = await api().send('POST', pathOf(ref), { json });
    expect(answer.status, answer.text).toBe(201);
    const { url } = bodyOf(answer);
    expect(url?.startsWith(`${PUBLIC_URL}/webhooks/`)).toBe(true);
    return (url ?? '').slice(PUBLIC_URL.length);
  }

  async function enterSecret(ref: Connected, signingSecret = aSecret(), keepPreviousHours?: number): Promise<string> {
    const json = { signingSecret, ...(keepPreviousHours !== undefined && { keepPreviousHours }) };
    const answer = await api().send('PUT', pathOf(ref, '/signing-secret'), { json });
    expect(answer.status, answer.text).toBe(200);
    return signingSecret;
  }

  const sendStripe = (path: string, secret: string, body = stripeEvent()) =>
    api().send('POST', path, { token: null, body, headers: signedByStripe(body, secret) });

  const sendMailchimp = (path: string, body = mailchimpEvent(), world = api()) =>
    world.send('POST', path, {
      token: null,
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  const eventsOf = async (ref: Connected) => (await api().send('GET', `/v1/venues/${ref.venueId}/events`)).json.data;

  return { aConnection, anAddress, enterSecret, sendStripe, sendMailchimp, eventsOf };
}
