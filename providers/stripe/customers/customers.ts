import type { Stripe } from 'stripe';
import { z } from 'zod';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { isLongerThan } from '../../../domain/reference/characters.ts';
import { countryCodeOf } from '../../../domain/reference/countries.ts';
import { DOCUMENTED_NAMES, namesIn } from '../../items.ts';
import type {
  MappedRecord,
  ProviderRecord,
  PullPlan,
  ResourceMapping,
  ResourceSession,
  UpdateOptions,
} from '../../provider.ts';
import { Rereading, asToday, listEvents } from '../events.ts';
import {
  countOf,
  createdWithin,
  dated,
  nextAfter,
  startingAfter,
  stripeChanges,
  stripeList,
  toPage,
  remoteAmong,
  versionOfEvent,
} from '../http/lists.ts';
import { changeOf, metadataCodec } from '../http/metadata.ts';
import { PAGE_SIZE, RECORD_ID_KEY, STRIPE_IDEMPOTENCY } from './names.ts';
import { nullWhenMissing, stillThere } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { customerSchema, deletable, deletedSchema, listSchema, metadataOf, searchSchema } from '../http/responses.ts';
import type { StripeCustomer } from '../http/responses.ts';

const CONSENT_KEY = 'interlock_marketing_consent';
const ourMetadata = metadataCodec({ [CONSENT_KEY]: 'marketingConsent' });

// https://docs.stripe.com/api/customers/create, read 2026-11-21.
const LIMITS = { name: 256, email: 512, phone: 20 } as const;

interface CustomerPayload {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
  readonly address:
    { readonly [Part in 'line1' | 'line2' | 'city' | 'state' | 'postal_code' | 'country']: string | null } | null;
  readonly metadata: Readonly<Record<string, string>>;
}

// Stripe stores no empty text. A payload with one would differ from every reading, and look like a change for ever.
export const customerMapping: ResourceMapping = {
  toPayload({ id, sourceId, fields: given }) {
    const fields = given as CustomerFields;
    const payload: CustomerPayload = {
      name: fields.name || null,
      email: fields.email || null,
      phone: fields.phone || null,
      address: fields.address && toStripeAddress(fields.address),
      metadata: ourMetadata.write(
        { id, sourceId, metadata: fields.metadata },
        { [CONSENT_KEY]: fields.marketingConsent === null ? null : String(fields.marketingConsent) },
      ),
    };
    return { payload: { ...payload }, problems: problemsOf(payload, fields) };
  },
  idempotency: STRIPE_IDEMPOTENCY,
  leavesAbsent: true,
  concurrency: 'parts',
  callsToWrite: () => 1,
};

export const customerPullPlan: PullPlan = {
  listing: [[stripeList('customers')]],
  changes: stripeChanges([['events']]),
  mayVanish: true,
  // By events: a customer itself has no time of its last change (https://docs.stripe.com/api/customers/object, read
  // 2026-11-28).
  dates: ['beginnings', 'changes', 'deletions'],
};

function toStripeAddress(address: Address): CustomerPayload['address'] {
  const { line1, line2, city, region, postalCode, country } = address;
  // Stripe accepts only a two-letter code.
  const code = country && (countryCodeOf(country) ?? country);
  const parts = {
    line1: line1 || null,
    line2: line2 || null,
    city: city || null,
    state: region || null,
    postal_code: postalCode || null,
    country: code || null,
  };
  return Object.values(parts).every((part) => part === null) ? null : parts;
}

const LIMITED = ['name', 'email', 'phone'] as const;

function problemsOf(payload: CustomerPayload, fields: CustomerFields): MappedRecord['problems'] {
  const inMetadata = ourMetadata.problems(fields.metadata, payload.metadata);
  const tooLong = LIMITED.filter((path) => isLongerThan(payload[path] ?? '', LIMITS[path]));
  if (tooLong.length === 0) return inMetadata;
  return [
    ...tooLong.map((path) => ({ path, message: `Stripe allows at most ${LIMITS[path]} characters.` })),
    ...inMetadata,
  ];
}

const orNull = (text: string | null | undefined): string | null => text ?? null;

function toFields(customer: StripeCustomer): CustomerFields {
  const { address, metadata } = customer;
  const consent = metadata[CONSENT_KEY];
  return {
    name: orNull(customer.name),
    email: orNull(customer.email),
    phone: orNull(customer.phone),
    address: address
      ? {
          line1: orNull(address.line1),
          line2: orNull(address.line2),
          city: orNull(address.city),
          region: orNull(address.state),
          postalCode: orNull(address.postal_code),
          country: orNull(address.country),
        }
      : null,
    marketingConsent: consent === undefined ? null : consent === 'true',
    metadata: ourMetadata.read(metadata),
  };
}

/** https://docs.stripe.com/api/customers/object, as the SDK 23.1.0 has it. */
const customer = deletable('customer', customerSchema).register(
  DOCUMENTED_NAMES,
  namesIn(`
    id object address balance business_name cash_balance created currency customer_account default_source deleted delinquent
    description discount email individual_name invoice_credit_balance invoice_prefix invoice_settings livemode metadata name
    next_invoice_sequence phone preferred_locales shipping sources subscriptions tax tax_exempt tax_ids test_clock`),
);
const customerPage = listSchema(customer);
/** The record of a deletion event, which tells only that the customer is gone. */
const deletedCustomer = z
  .object({ id: z.string().min(1), metadata: metadataOf.catch({}) })
  .transform((told) => ({ ...told, deleted: true as const }));
interface DeletedCustomer {
  readonly id: string;
  readonly deleted: true;
  readonly metadata?: StripeCustomer['metadata'];
}

export function toCustomerRecord(
  told: Exclude<z.output<typeof customer>, { readonly deleted: true }> | DeletedCustomer,
  version: number,
): ProviderRecord {
  const recordId = told.metadata?.[RECORD_ID_KEY] ?? null;
  return {
    externalId: told.id,
    version,
    deleted: told.deleted === true,
    recordId,
    fields: told.deleted === true ? null : toFields(told),
    ...(told.deleted !== true && { beganAtMs: told.created * 1_000 }),
  };
}

/** Omits null values, or writes '' where a null must clear an earlier value. What the payload does not have is left as it is. */
function toParams(mapped: MappedRecord, update: UpdateOptions | null) {
  const empty = update ? '' : undefined;
  const { name, email, phone, address, metadata } = mapped.payload as unknown as Partial<CustomerPayload>;
  const orEmpty = <Value>(value: Value | null | undefined) => (value === null ? empty : value);
  return {
    name: orEmpty(name),
    email: orEmpty(email),
    phone: orEmpty(phone),
    address: address
      ? Object.fromEntries(Object.entries(address).map(([part, value]) => [part, value ?? empty]))
      : orEmpty(address),
    ...(metadata && {
      metadata: update ? ourMetadata.changes(metadata, changeOf(customerMapping, mapped, update)) : metadata,
    }),
  };
}

const CUSTOMER_DELETED = 'customer.deleted';
export const CUSTOMER_EVENTS = ['customer.created', 'customer.updated', CUSTOMER_DELETED];
const readChange = asToday(customer);
/** A deletion event can be trusted in every API version, and its object cannot be read again. */
export const readCustomerEvent = (event: Parameters<typeof readChange>[0]) =>
  event.type === CUSTOMER_DELETED ? (deletedCustomer.safeParse(event.object).data ?? null) : readChange(event);

export function createCustomerSession(stripe: Stripe, ask: Ask): ResourceSession {
  /** The current customer; deleted when it is missing. */
  const read = async (externalId: string): Promise<ProviderRecord> => {
    const askedAtMs = Date.now();
    const found = await nullWhenMissing(ask(customer, () => stripe.customers.retrieve(externalId)));
    return toCustomerRecord(found ?? { id: externalId, deleted: true }, ask.versionOf(askedAtMs));
  };
  const changed = new Rereading(ask, ({ id }) => read(id));
  return {
    async listPage(query) {
      const askedAtMs = Date.now();
      const range = { limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) };
      if (query.stream === 'events') {
        const page = await listEvents({ stripe, ask }, query, { types: CUSTOMER_EVENTS, read: readCustomerEvent });
        const ended = new Set(page.told.flatMap(({ object }) => (object.deleted === true ? [object.id] : [])));
        const { found, rejections } = await changed.readEach(page.changed.filter(({ id }) => !ended.has(id)));
        const told = toPage(page, [
          ...found,
          ...page.told.map(({ created, object }) => dated(toCustomerRecord(object, versionOfEvent(created)), created)),
        ]);
        return { ...told, rejections: [...(told.rejections ?? []), ...rejections] };
      }
      const page = await ask(customerPage, () => stripe.customers.list(range));
      return toPage(
        page,
        page.data.map((customer) => toCustomerRecord(customer, ask.versionOf(askedAtMs))),
      );
    },

    async count() {
      const found = await ask(searchSchema, () =>
        stripe.customers.search({ query: 'created>0', limit: 1, expand: ['total_count'] }),
      );
      return countOf(found);
    },

    versionOf: ask.versionOf,

    async retrieve(externalId) {
      const found = await read(externalId);
      return found.deleted ? null : found;
    },

    writer: {
      tellsRecordId: true,
      async create(mapped, { idempotencyKey }) {
        const askedAtMs = Date.now();
        const params = toParams(mapped, null) as Stripe.CustomerCreateParams;
        return toCustomerRecord(
          await ask(customer, () => stripe.customers.create(params, { idempotencyKey })),
          ask.versionOf(askedAtMs),
        );
      },

      async update(externalId, mapped, options) {
        const askedAtMs = Date.now();
        const { idempotencyKey } = options;
        const params = toParams(mapped, options) as Stripe.CustomerUpdateParams;
        return toCustomerRecord(
          stillThere(await ask(customer, () => stripe.customers.update(externalId, params, { idempotencyKey }))),
          ask.versionOf(askedAtMs),
        );
      },

      async archive(externalId) {
        await nullWhenMissing(ask(deletedSchema('customer'), () => stripe.customers.del(externalId)));
        return 'deleted';
      },

      // Uses the list and not the search, which omits new customers for up to a minute.
      async findRemote(hint) {
        const { email, createdSinceEpochS, after } = hint;
        const askedAtMs = Date.now();
        const page = await ask(customerPage, () =>
          stripe.customers.list({
            limit: PAGE_SIZE,
            ...(email === null ? { created: { gte: createdSinceEpochS } } : { email }),
            ...startingAfter(after),
          }),
        );
        const remote = remoteAmong(page, hint);
        return {
          found: remote ? toCustomerRecord(remote, ask.versionOf(askedAtMs)) : null,
          after: remote ? null : nextAfter(page),
        };
      },
    },
  };
}
