import { z } from 'zod';
import type { Address } from '../../../records/customers.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { BatchOutcome, BatchedCreation, BatchedUpdate, ProviderRecord, ResourceWriter } from '../../provider.ts';
import { nullWhenMissing, unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { faultOfEntry } from '../http/entry-errors.ts';
import { listSchema } from '../http/lists.ts';
import { remoteChanged } from '../../remote-changed.ts';
import { whenSettled } from '../http/search-lag.ts';
import { writerOfBatches } from '../http/single-writes.ts';
import { toFields, toRecord } from './customer-fields.ts';
import { contentOf } from './customer-mapping.ts';
import type { SentProfile } from './customer-mapping.ts';
import { customerSchema } from './customer-responses.ts';
import type { SquareCustomer } from './customer-responses.ts';

/**
 * "A map of 1 to 100 individual requests" (square 46.0.0, BulkCreateCustomersRequest, BulkUpdateCustomersRequest), and as
 * many ids (BulkRetrieveCustomersRequest).
 */
export const MOST_CUSTOMERS = 100;

const responsesSchema = z.object({ responses: z.record(z.string(), z.unknown()).nullish() });
const foundPage = listSchema('customers', customerSchema);

type Body = Readonly<Record<string, unknown>>;

type Responses = Readonly<Record<string, unknown>>;

/**
 * Customers by the ids that are asked for, or what went wrong with each. A profile that was merged is deleted, but its id
 * still retrieves the one that it was merged into, which has an id of its own
 * (https://developer.squareup.com/docs/customers-api/duplicated-customers, read 2026-11-30).
 */
export async function retrieveCustomers(
  ask: Ask,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SquareCustomer | ProviderError>> {
  const responses = await responsesTo(ask, 'bulk-retrieve', { customer_ids: ids });
  return new Map(ids.map((id) => [id, customerIn(responses[id])]));
}

/** To change a profile takes its own id (square 46.0.0, customers/client/Client.d.ts): a merged one counts as missing. */
const notMerged = (id: string, found: SquareCustomer | ProviderError): SquareCustomer | ProviderError =>
  found instanceof ProviderError || found.id === id ? found : missing();

const missing = (): ProviderError =>
  new ProviderError({ provider: 'square', kind: 'rejected', httpStatus: 404, code: 'NOT_FOUND' });

async function responsesTo(ask: Ask, path: string, body: Body): Promise<Responses> {
  return (await ask(responsesSchema, { method: 'POST', path: `/v2/customers/${path}`, body })).responses ?? {};
}

/** Writes customers by the bulk endpoints, whose answers have one outcome for each customer. */
export function createCustomerWriter(ask: Ask): ResourceWriter {
  /** Each creation has its own idempotency key, so a batch may be repeated in any composition. */
  const create = async (creations: readonly BatchedCreation[]): Promise<readonly BatchOutcome[]> => {
    const customers = creations.map(({ mapped, idempotencyKey }) => [idempotencyKey, newProfile(mapped.payload)]);
    const responses = await responsesTo(ask, 'bulk-create', { customers: Object.fromEntries(customers) as Body });
    return creations.map(({ idempotencyKey }) => outcomeOf(responses[idempotencyKey]));
  };

  /**
   * Reads the profiles, then writes what differs, with the version that was read: a profile that changes in between is
   * refused as a conflict. A profile that is as wanted already is not written.
   */
  const update = async (updates: readonly BatchedUpdate[]): Promise<readonly BatchOutcome[]> => {
    const found = await retrieveCustomers(
      ask,
      updates.map(({ externalId }) => externalId),
    );
    const current = new Map([...found].map(([id, customer]) => [id, notMerged(id, customer)]));
    for (const one of updates) {
      const customer = current.get(one.externalId);
      if (customer === undefined || customer instanceof ProviderError) continue;
      const refusal = remoteChanged('square', one, customer.version);
      if (refusal) current.set(one.externalId, refusal);
    }
    const changes = updates.flatMap(({ externalId, mapped }) => {
      const customer = current.get(externalId);
      if (customer === undefined || customer instanceof ProviderError) return [];
      const changed = changesTo(customer, mapped.payload as unknown as SentProfile);
      return Object.keys(changed).length === 0
        ? []
        : [[externalId, { version: customer.version, ...changed }] as const];
    });
    const written =
      changes.length === 0 ? {} : await responsesTo(ask, 'bulk-update', { customers: Object.fromEntries(changes) });
    const sent = new Set(changes.map(([externalId]) => externalId));
    return updates.map(({ externalId }) => {
      if (sent.has(externalId)) return outcomeOf(written[externalId]);
      const customer = current.get(externalId) ?? unreadableObject('customer: is missing');
      return customer instanceof ProviderError ? customer : toRecord(customer, null);
    });
  };

  return {
    ...writerOfBatches({ size: MOST_CUSTOMERS, create, update }),
    tellsRecordId: true,

    async archive(externalId) {
      const path = `/v2/customers/${encodeURIComponent(externalId)}`;
      await nullWhenMissing(ask(z.object({}), { method: 'DELETE', path }));
      return 'deleted';
    },

    async findRemote(hint) {
      const { recordId, excluded = [] } = hint;
      const body = { limit: MOST_CUSTOMERS, query: { filter: { reference_id: { exact: recordId } } } };
      const { items } = await ask(foundPage, { method: 'POST', path: '/v2/customers/search', body });
      const found = items.find(({ id }) => !excluded.includes(id));
      return whenSettled(hint, { found: found ? toRecord(found, null) : null, after: null });
    },
  };
}

function outcomeOf(response: unknown): ProviderRecord | ProviderError {
  const customer = customerIn(response);
  return customer instanceof ProviderError ? customer : toRecord(customer, null);
}

const oneCustomer = z.object({ customer: customerSchema });

/** The profile of an entry's response, or what went wrong with this entry. */
function customerIn(response: unknown): SquareCustomer | ProviderError {
  const fault = faultOfEntry(response);
  if (fault) return fault;
  const { data, error } = oneCustomer.safeParse(response);
  return data ? data.customer : unreadableObject(issuesOf(error));
}

function newProfile(payload: Body): Body {
  const { name = null, email, phone, address, reference_id } = payload as unknown as SentProfile;
  const profile = {
    ...splitName(name),
    email_address: email,
    phone_number: phone,
    address: address && addressBody(address),
    reference_id,
  };
  return Object.fromEntries(Object.entries(profile).filter(([, value]) => value != null));
}

/** Only the fields that differ. The name is written where it was read from: a company stays a company. */
function changesTo(customer: SquareCustomer, sent: SentProfile): Body {
  const present = contentOf(toFields(customer, null));
  const wanted = { ...present, ...sent };
  return {
    ...(wanted.name !== present.name && nameChanges(customer, wanted.name)),
    ...(wanted.email !== present.email && { email_address: wanted.email }),
    ...(wanted.phone !== present.phone && { phone_number: wanted.phone }),
    ...(fingerprintOf([wanted.address]) !== fingerprintOf([present.address]) && {
      address: wanted.address && { ...addressBody(wanted.address), ...lineThree(customer, wanted.address) },
    }),
  };
}

function nameChanges(customer: SquareCustomer, name: string | null): Body {
  const { given_name: given, family_name: family, company_name: company, nickname } = customer;
  if (given !== null || family !== null)
    return name === null ? splitName(null) : personChanges({ given, family }, name);
  if (company !== null) return { company_name: name };
  return nickname === null ? splitName(name) : { nickname: name };
}

function personChanges({ given, family }: Readonly<Record<'given' | 'family', string | null>>, name: string): Body {
  if (given !== null && name.startsWith(`${given} `)) return { family_name: name.slice(given.length + 1) };
  if (family !== null && name.endsWith(` ${family}`)) return { given_name: name.slice(0, -family.length - 1) };
  return splitName(name);
}

/** The last word is the family name, as in most languages that Square is sold in. Reading the parts gives the same name. */
function splitName(name: string | null): { readonly given_name: string | null; readonly family_name: string | null } {
  const at = name?.lastIndexOf(' ') ?? -1;
  if (name === null || at === -1) return { given_name: name, family_name: null };
  return { given_name: name.slice(0, at), family_name: name.slice(at + 1) };
}

const addressBody = ({ line1, line2, city, region, postalCode, country }: Address): Body => ({
  address_line_1: line1,
  address_line_2: line2,
  locality: city,
  administrative_district_level_1: region,
  postal_code: postalCode,
  country,
});

/** The second and third line are read as one: while that is unchanged both stay, else it goes into the second. */
function lineThree({ address }: SquareCustomer, wanted: Address): Body {
  const [second, third] = [address?.address_line_2 ?? null, address?.address_line_3 ?? null];
  if (third === null) return {};
  const both = [second, third].filter((line) => line !== null).join(', ');
  return wanted.line2 === both ? { address_line_2: second } : { address_line_3: null };
}
