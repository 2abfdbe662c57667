import type { AuditEvent } from '../../admin/audit-trail.ts';
import type { AtomicLoadSlots } from '../../records/atomic-load-slots.ts';
import { batchEndpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { loadRecords, loadRecordsAtomically } from '../../records/load-records.ts';
import type { LoadCounts } from '../../records/load-records.ts';
import { schemasOf } from '../../schemas/records/record-schemas.ts';
import { batchAnswer, batchQuery } from '../../schemas/records/batch.ts';
import { collectionPath, SENT_BACK, venueOf } from './record-routes.ts';
import type { RecordRouteDeps } from './record-routes.ts';

export interface RecordBatchRouteDeps extends RecordRouteDeps {
  readonly atomicLoads: AtomicLoadSlots;
}

export function recordBatchRoute({ kind, store, audit, atomicLoads }: RecordBatchRouteDeps): Endpoint {
  const { words } = kind;
  const schemas = schemasOf(kind);
  return batchEndpoint({
    name: `load${words.many}`,
    summary: `Create or change ${words.several} in bulk, by sourceId`,
    description: [
      'At most 200,000 records in at most 256 MB, each at most 1 MB; they are written while they arrive.',
      'Good records are kept, a thousand a transaction, and bad ones are listed. Fields that are left out keep their values.',
      SENT_BACK,
      'Of two records with one `sourceId` the later one is rejected. With `atomic=true` everything is kept or nothing, and nothing shows before the end.',
      'With an `Idempotency-Key`, a repeat is read to its end before it is answered, because only then its hash is known.',
      'A load that breaks off, or whose JSON does, keeps what was written before; sending it again finds that part unchanged.',
    ].join(' '),
    tag: 'Records',
    method: 'post',
    path: `${collectionPath(kind)}/batch`,
    role: 'operator',
    query: batchQuery,
    batch: { json: schemas.batch, line: schemas.record },
    answers: { 200: { description: 'What became of the records.', schema: batchAnswer } },
    problems: ['batch-refused', 'batch-too-large', 'too-many-loads'],
    async handle({ ids, query: { atomic }, body, caller, requestId, claim }) {
      const venueId = venueOf(ids);
      const auditEventOf = ({ received, created, updated, unchanged, rejected }: LoadCounts): AuditEvent => ({
        ...{ action: 'records.loaded', targetType: kind.name, targetId: venueId },
        details: { received, created, updated, unchanged, rejected, atomic },
      });
      const by = { caller, requestId };
      const target = {
        kind,
        store,
        venueId,
        claim,
        auditOf: (counts: LoadCounts) => audit.entry(by, venueId, auditEventOf(counts)),
      };
      if (atomic)
        return { status: 200, body: await atomicLoads.run(venueId, () => loadRecordsAtomically(target, body)) };
      const result = await loadRecords(target, body);
      // Written after the last of many transactions, because the row describes all of them.
      return { status: 200, body: result, audit: audit.entry(by, venueId, auditEventOf(result)) };
    },
  });
}
