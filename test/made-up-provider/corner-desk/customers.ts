import { z } from 'zod';
import type { CustomerFields } from '../../../records/customers.ts';
import { timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type {
  ListQuery,
  MappedRecord,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceMapping,
  ResourceSession,
} from '../../../providers/provider.ts';
import type { Ask } from './ask.ts';

const PAGE_SIZE = 3;

const customerSchema = z.object({
  id: z.string(),
  created: z.int(),
  name: z.string().nullable(),
  mail: z.string().nullable(),
  phone: z.string().nullable(),
  /** Where a push leaves our record's id. */
  reference: z.string().nullable(),
});
type CornerDeskCustomer = z.output<typeof customerSchema>;
const pageSchema = z.object({ customers: z.array(customerSchema), more: z.boolean() });

export const customerPullPlan: PullPlan = { listing: [[timeWindows('customers')]], changes: null, mayVanish: true };

export const customerMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const { name, email, phone } = fields as CustomerFields;
    return { payload: { name, mail: email, phone, reference: id }, problems: [] };
  },
  callsToWrite: () => 1,
};

export function createCustomerSession(ask: Ask): ResourceSession {
  const read = (customer: CornerDeskCustomer, askedAtMs: number): ProviderRecord => ({
    externalId: customer.id,
    version: askedAtMs,
    deleted: false,
    recordId: customer.reference,
    fields: toFields(customer),
  });
  const write = async (path: string, method: string, { payload }: MappedRecord, idempotencyKey: string) => {
    const askedAtMs = Date.now();
    const headers = { 'idempotency-key': idempotencyKey };
    const written = await ask(customerSchema, path, { method, body: JSON.stringify(payload), headers });
    if (!written) throw new ProviderError({ provider: 'corner-desk', kind: 'rejected', httpStatus: 404 });
    return read(written, askedAtMs);
  };
  return {
    async listPage(query) {
      const askedAtMs = Date.now();
      const page = await ask(pageSchema, `/v2/customers?${parametersOf(query)}`);
      return toPage(page ?? { customers: [], more: false }, (customer) => read(customer, askedAtMs));
    },
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    async retrieve(externalId) {
      const askedAtMs = Date.now();
      const customer = await ask(customerSchema, `/v2/customers/${externalId}`);
      return customer && read(customer, askedAtMs);
    },
    writer: {
      create: (mapped, { idempotencyKey }) => write('/v2/customers', 'POST', mapped, idempotencyKey),
      update: (externalId, mapped, { idempotencyKey }) =>
        write(`/v2/customers/${externalId}`, 'PUT', mapped, idempotencyKey),
      async archive(externalId) {
        await ask(z.object({}), `/v2/customers/${externalId}`, { method: 'DELETE' });
        return 'deleted';
      },
      async findRemote({ recordId }) {
        const askedAtMs = Date.now();
        const page = await ask(pageSchema, `/v2/customers?reference=${recordId}`);
        const [found] = page?.customers ?? [];
        return { found: found ? read(found, askedAtMs) : null, after: null };
      },
    },
  };
}

function toFields({ name, mail, phone }: CornerDeskCustomer): CustomerFields {
  return { name, email: mail, phone, address: null, marketingConsent: null, metadata: {} };
}

function parametersOf({ fromEpochS, toEpochS, after }: ListQuery): string {
  const parameters = {
    limit: String(PAGE_SIZE),
    to: String(toEpochS),
    ...(fromEpochS !== null && { from: String(fromEpochS) }),
    ...(typeof after === 'string' && { after }),
  };
  return new URLSearchParams(parameters).toString();
}

function toPage(
  { customers, more }: z.output<typeof pageSchema>,
  read: (customer: CornerDeskCustomer) => ProviderRecord,
): ProviderPage {
  return {
    records: customers.map(read),
    positions: customers.map(({ id, created }) => ({ id, atEpochS: created })),
    after: more ? (customers.at(-1)?.id ?? null) : null,
    pageSize: PAGE_SIZE,
  };
}
