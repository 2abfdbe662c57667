import type { AuditStore } from '../../db/core/audit-store.ts';
import { readCursor, toPageAnswer } from '../http/cursor.ts';
import { endpoint } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { auditAnswer, auditQuery, presentAudit } from '../schemas/audit.ts';
import { pageOf } from '../schemas/common.ts';

export function auditRoute({ audit }: { readonly audit: AuditStore }): Endpoint {
  return endpoint({
    name: 'listAudit',
    summary: 'Who did what to a venue, newest first',
    description:
      'Every connect, refresh, revocation and key rotation among others: who, when, and how it ended. Never a secret, never a customer’s data.',
    tag: 'Audit',
    method: 'get',
    path: '/v1/venues/{venueId}/audit',
    role: 'operator',
    query: auditQuery,
    answers: { 200: { description: 'A page of entries.', schema: pageOf('AuditEntry', auditAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await audit.list(venueId, { filter, page: { limit, after: readCursor(cursor, list) } });
      return toPageAnswer(page, list, presentAudit);
    },
  });
}
