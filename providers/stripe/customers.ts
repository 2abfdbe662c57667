import type { Stripe } from 'stripe';
import type { Address, CustomerFields } from '../../contracts/records.ts';
import { countryCodeOf } from '../../domain/countries.ts';
import type { MappedRecord, ProviderRecord, PullPlan, ResourceMapping, ResourceSession } from '../provider.ts';
import { countOf, createdWithin, nextAfter, startingAfter, toPage, versionOfEvent, versionOfReading } from './lists.ts';
import { PAGE_SIZE, RECORD_ID_KEY, SOURCE_ID_KEY } from './names.ts';
import type { Ask } from './requests.ts';
import { customerSchema, deletedSchema, eventSchema, listSchema, searchSchema } from './responses.ts';
import type { StripeCustomer } from './responses.ts';

const CONSENT_KEY = 'interlock_marketing_consent';
const OUR_KEYS = new Set([RECORD_ID_KEY, SOURCE_ID_KEY, CONSENT_KEY]);

// https://docs.stripe.com/api/customers/create and https://docs.stripe.com/api/metadata, read 2026-11-21.
const LIMITS = { name: 256, email: 512, phone: 20, metadataKeys: 50, metadataKey: 40, metadataValue: 500 } as const;

interface CustomerPayload {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address: { readonly [Part in 'line1' | 'line2' | 'city' | 'state' | 'postal_code' | 'country']: string | null } | null;
  readonly metadata: Readonly<Record<string, string>>;
}

// Stripe keeps no empty text: a payload that held one would differ from what comes back, and look like a change for ever.
export const customerMapping: ResourceMapping = {
  toPayload({ id, sourceId, fields: given }) {
    const fields = given as CustomerFields;
    const payload: CustomerPayload = {
      name: fields.name || null,
      email: fields.email || null,
      phone: fields.phone || null,
      address: fields.address && toStripeAddress(fields.address),
      metadata: {
        ...Object.fromEntries(ownMetadata(fields).map(({ key, value }) => [key, value])),
        ...(fields.marketingConsent !== null && { [CONSENT_KEY]: String(fields.marketingConsent) }),
        [RECORD_ID_KEY]: id,
        [SOURCE_ID_KEY]: sourceId,
      },
    };
    return { payload: { ...payload }, problems: problemsOf(payload, fields) };
  },
  callsToWrite: () => 1,
};

export const customerPullPlan: PullPlan = { listing: [['customers']], changes: [['events']], mayVanish: true };

function toStripeAddress(address: Address): CustomerPayload['address'] {
  const { line1, line2, city, region, postalCode, country } = address;
  // Stripe asks for a two-letter code; what is none, Stripe shall judge.
  const code = country && (countryCodeOf(country) ?? country);
  const parts = { line1: line1 || null, line2: line2 || null, city: city || null, state: region || null, postal_code: postalCode || null, country: code || null };
  return Object.values(parts).every((part) => part === null) ? null : parts;
}

/** The venue's metadata as Stripe would keep it, each entry with its position among all. */
function ownMetadata({ metadata }: CustomerFields): readonly { readonly key: string; readonly value: string; readonly index: number }[] {
  return Object.entries(metadata).flatMap(([key, value], index) => (value === '' || OUR_KEYS.has(key) ? [] : [{ key, value, index }]));
}

function problemsOf(payload: CustomerPayload, fields: CustomerFields): MappedRecord['problems'] {
  const tooLong = (['name', 'email', 'phone'] as const).flatMap((path) =>
    (payload[path]?.length ?? 0) > LIMITS[path] ? [{ path, message: `Stripe allows at most ${LIMITS[path]} characters.` }] : [],
  );
  const wrongEntries = ownMetadata(fields).flatMap(({ key, value, index }) => {
    const path = `metadata.${index}`;
    if (key.length > LIMITS.metadataKey) return [{ path, message: `Stripe allows at most ${LIMITS.metadataKey} characters in a metadata key.` }];
    if (/[[\]]/.test(key)) return [{ path, message: 'Stripe allows no square brackets in a metadata key.' }];
    return value.length > LIMITS.metadataValue ? [{ path, message: `Stripe allows at most ${LIMITS.metadataValue} characters in a metadata value.` }] : [];
  });
  const tooMany = Object.keys(payload.metadata).length > LIMITS.metadataKeys ? [{ path: 'metadata', message: `Stripe allows ${LIMITS.metadataKeys} metadata keys, three of which are ours.` }] : [];
  return [...tooLong, ...wrongEntries, ...tooMany];
}

function toFields(customer: StripeCustomer): CustomerFields {
  const { address, metadata } = customer;
  const consent = metadata[CONSENT_KEY];
  return {
    name: customer.name,
    email: customer.email,
    phone: customer.phone,
    address: address && {
      line1: address.line1,
      line2: address.line2,
      city: address.city,
      region: address.state,
      postalCode: address.postal_code,
      country: address.country,
    },
    marketingConsent: consent === undefined ? null : consent === 'true',
    metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => !OUR_KEYS.has(key))),
  };
}

function toRecord(customer: StripeCustomer, version: number, deleted = false): ProviderRecord {
  return {
    externalId: customer.id,
    version,
    deleted,
    recordId: customer.metadata[RECORD_ID_KEY] ?? null,
    fields: deleted ? null : toFields(customer),
  };
}

/** Leaves out what is null, or says '' where a null must clear an earlier value. */
function toParams(mapped: MappedRecord, clearing: { readonly metadataKeys: readonly string[] } | null) {
  const empty = clearing ? '' : undefined;
  const { name, email, phone, address, metadata } = mapped.payload as unknown as CustomerPayload;
  const cleared = Object.fromEntries((clearing?.metadataKeys ?? []).map((key) => [key, '']));
  return {
    name: name ?? empty,
    email: email ?? empty,
    phone: phone ?? empty,
    address: address ? Object.fromEntries(Object.entries(address).map(([part, value]) => [part, value ?? empty])) : empty,
    metadata: { ...(clearing && { [CONSENT_KEY]: '' }), ...cleared, ...metadata },
  };
}

const CUSTOMER_EVENTS = ['customer.created', 'customer.updated', 'customer.deleted'];

export function createCustomerSession(stripe: Stripe, ask: Ask): ResourceSession {
  return {
    async listPage(query) {
      const version = versionOfReading(Date.now());
      const range = { limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) };
      if (query.stream === 'events') {
        const page = await ask(listSchema(eventSchema(customerSchema)), () => stripe.events.list({ ...range, types: CUSTOMER_EVENTS }));
        return toPage(page, page.data.map((event) => toRecord(event.data.object, versionOfEvent(event.created), event.type === 'customer.deleted')));
      }
      const page = await ask(listSchema(customerSchema), () => stripe.customers.list(range));
      return toPage(page, page.data.map((customer) => toRecord(customer, version)));
    },

    async count() {
      const found = await ask(searchSchema, () => stripe.customers.search({ query: 'created>0', limit: 1, expand: ['total_count'] }));
      return countOf(found);
    },

    async retrieve(externalId) {
      const version = versionOfReading(Date.now());
      const customer = await ask(customerSchema.or(deletedSchema('customer')), () => stripe.customers.retrieve(externalId));
      return 'deleted' in customer ? null : toRecord(customer, version);
    },

    writer: {
      async create(mapped, { idempotencyKey }) {
        const version = versionOfReading(Date.now());
        const params = toParams(mapped, null) as Stripe.CustomerCreateParams;
        return toRecord(await ask(customerSchema, () => stripe.customers.create(params, { idempotencyKey })), version);
      },

      async update(externalId, mapped, { idempotencyKey, clearedMetadataKeys }) {
        const version = versionOfReading(Date.now());
        const params = toParams(mapped, { metadataKeys: clearedMetadataKeys }) as Stripe.CustomerUpdateParams;
        return toRecord(await ask(customerSchema, () => stripe.customers.update(externalId, params, { idempotencyKey })), version);
      },

      async archive(externalId) {
        await ask(deletedSchema('customer'), () => stripe.customers.del(externalId));
        return 'deleted';
      },

      // The list, not the search: what was just created is missing from the search for up to a minute.
      async findTwin({ recordId, email, createdSinceEpochS, after }) {
        const version = versionOfReading(Date.now());
        const page = await ask(listSchema(customerSchema), () =>
          stripe.customers.list({ limit: PAGE_SIZE, ...(email === null ? { created: { gte: createdSinceEpochS } } : { email }), ...startingAfter(after) }),
        );
        const twin = page.data.find((customer) => customer.metadata[RECORD_ID_KEY] === recordId);
        return { found: twin ? toRecord(twin, version) : null, after: twin ? null : nextAfter(page) };
      },
    },
  };
}
