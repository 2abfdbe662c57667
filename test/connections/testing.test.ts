import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { useConnectionWorld } from './connection-suite.ts';

describe('a test of stored credentials', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  it.each([
    ['is in trouble', { kind: 'status', status: 503 }, 'provider-unavailable'],
    ['breaks off', { kind: 'reset' }, 'provider-unavailable'],
    ['asks to slow down', { kind: 'status', status: 429 }, 'provider-unavailable'],
    ['is not who answers: a page with 404', { kind: 'html', status: 404 }, 'provider-unexpected'],
    ['is not who answers: a page with 200', { kind: 'html', status: 200 }, 'provider-unexpected'],
    ['refuses the request with 400', { kind: 'status', status: 400 }, 'provider-refused'],
    ['lets the credentials read too little', { kind: 'status', status: 403 }, 'permissions-missing'],
  ])('reports why the result is unknown when the provider %s', async (_what, fault, refusal) => {
    const connected = await world.connect(venueId, 'square', { account: 'new' });
    await world.control.square.fault({ match: { method: 'POST', path: '/oauth2/token/status' }, ...fault });
    expect(await world.connectionGateway.test(connected)).toEqual({ outcome: 'unavailable', refusal });
    expect(await world.connectionOf(connected)).toMatchObject({ state: 'active' });
  });

  it('reports whether the credentials are accepted or refused', async () => {
    const connected = await world.connect(venueId, 'mailchimp', { account: 'new' });
    expect(await world.connectionGateway.test(connected)).toEqual({ outcome: 'accepted', refusal: null });
    const { account } = await world.connectionOf(connected);
    await world.control.mailchimp.revoke(account?.id ?? '');
    expect(await world.connectionGateway.test(connected)).toEqual({ outcome: 'refused', refusal: null });
  });
});
