import type { CustomerStore } from '../../db/customer-store.ts';
import type { AuditTrail } from '../audit-trail.ts';
import { loadCustomers, loadCustomersAtomically } from '../customer-loading.ts';
import { batchEndpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { customerRecord } from '../schemas/customer.ts';
import { batchAnswer, batchBody, batchQuery } from '../schemas/customer-batch.ts';

export interface CustomerBatchRouteDeps {
  readonly customers: CustomerStore;
  readonly audit: AuditTrail;
}

export function customerBatchRoute({ customers, audit }: CustomerBatchRouteDeps): Endpoint {
  return batchEndpoint({
    name: 'loadCustomers',
    summary: 'Create or change customers in bulk, by sourceId',
    description: [
      'Good records are kept, a thousand a transaction, and bad ones are listed. Fields that are left out keep their values.',
      'Of two records with one `sourceId` the later one is rejected. With `atomic=true` everything is kept or nothing (at most 10,000 records).',
      'With an `Idempotency-Key`, a repeat of an NDJSON load is read to its end before it is answered, because only then its hash is known.',
      'A load that breaks off keeps what was written before; sending it again finds that part unchanged.',
    ].join(' '),
    tag: 'Records',
    method: 'post',
    path: '/v1/venues/{venueId}/records/customers/batch',
    role: 'operator',
    query: batchQuery,
    batch: { json: batchBody, line: customerRecord },
    answers: { 200: { description: 'What became of the records.', schema: batchAnswer } },
    problems: ['batch-refused', 'batch-too-large'],
    async handle({ ids: { venueId }, query: { atomic }, body, caller, requestId }) {
      const result = await (atomic ? loadCustomersAtomically : loadCustomers)(customers, venueId, body);
      const { received, created, updated, unchanged, rejected } = result;
      const details = { received, created, updated, unchanged, rejected, atomic };
      await audit.note({ caller, requestId }, venueId, { action: 'records.loaded', targetType: 'customers', targetId: venueId, details });
      return { status: 200, body: result };
    },
  });
}
