import { z } from 'zod';
import type { AuditRow } from '../../db/core/audit-store.ts';
import { instant, paging, timestamp } from './common.ts';

const word = z.string().min(1).max(255);

export const auditQuery = z.strictObject({
  action: word.optional().meta({ description: 'Such as `connection.connected`.' }),
  target: word.optional().meta({ description: 'Id of what something was done to.' }),
  from: instant.optional().meta({ description: 'Inclusive.' }),
  to: instant.optional().meta({ description: 'Exclusive.' }),
  ...paging,
});

export const auditAnswer = z
  .object({
    id: z.uuid(),
    at: timestamp,
    actor: z.string().meta({ description: '`sub` of the caller’s token, or the name of a workflow.' }),
    action: z.string(),
    target: z.object({ type: z.string(), id: z.string() }),
    outcome: z.enum(['ok', 'refused', 'failed']),
    requestId: z.string().nullable().meta({ description: 'Of the request that did it; null when none did.' }),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  })
  .meta({ id: 'AuditEntry' });

export function presentAudit({
  id,
  at,
  actor,
  action,
  targetType,
  targetId,
  outcome,
  requestId,
  details,
}: AuditRow): z.input<typeof auditAnswer> {
  return {
    id,
    at: at.toISOString(),
    actor,
    action,
    target: { type: targetType, id: targetId },
    outcome,
    requestId,
    details: { ...details },
  };
}
