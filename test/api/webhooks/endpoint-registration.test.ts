import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { RecordedRegistrations } from './recorded-registrations.ts';
import { providers } from './webhook-deliveries.ts';

const registrations = new RecordedRegistrations();
let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers(), deps: { webhookRegistrations: registrations } });
});
afterAll(() => api.close());

async function aConnection(provider: 'mailchimp' | 'stripe') {
  const [venueId, connectionId, account] = [await api.aVenue(), randomUUID(), `acct_${randomUUID().slice(0, 8)}`];
  const environment = provider === 'mailchimp' ? 'production' : 'sandbox';
  await api.database
    .admin`insert into connections (id, venue_id, provider, environment, state, external_account_id) values (${connectionId}, ${venueId}, ${provider}, ${environment}, 'active', ${account})`;
  return { venueId, connectionId, path: `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint` };
}

interface EndpointBody {
  readonly url: string | null;
  readonly registration: { readonly state: string; readonly code: string | null } | null;
}

async function open(path: string, json: object = {}): Promise<EndpointBody> {
  const { status, json: body, text } = await api.send('POST', path, { json });
  expect(status, text).toBe(201);
  return body as unknown as EndpointBody;
}

describe('a connection’s own address', () => {
  it('is handed to its registration sealed, with its digest', async () => {
    const { venueId, connectionId, path } = await aConnection('mailchimp');
    const before = registrations.started.length;
    const { url, registration } = await open(path);
    expect(registration).toEqual({ state: 'pending', code: null });
    const [started, ...more] = registrations.started.slice(before);
    expect(more).toEqual([]);
    const token = url?.split('/').at(-1) ?? '';
    expect(started).toMatchObject({
      ...{ venueId, connectionId, provider: 'mailchimp' },
      pathDigest: createHash('sha256').update(token).digest('hex'),
    });
    expect(Buffer.from(started?.sealedUrl ?? '', 'base64').toString('latin1')).not.toContain(token);
    expect(JSON.stringify(started)).not.toContain(token);
  });

  it('is not registered where the caller says so, or where the provider signs', async () => {
    const before = registrations.started.length;
    const { path } = await aConnection('mailchimp');
    expect(await open(path, { register: false })).toMatchObject({ registration: null });
    expect(await open((await aConnection('stripe')).path)).toMatchObject({ registration: null });
    expect(registrations.started).toHaveLength(before);
  });
});
