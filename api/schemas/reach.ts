import { z } from 'zod';
import { resource } from './words.ts';

const MAX_FIELDS = 100;

const historyFrom = z.iso.date().meta({
  description:
    'What began before this day, in the venue’s time zone, is not pulled; null: everything is. A later day deletes nothing that is stored, and an earlier one makes the next pull read everything.',
  example: '2026-01-01',
});

export const reachBody = z.strictObject({
  excludedFields: z
    .array(z.string().min(1).max(100))
    .max(MAX_FIELDS)
    .optional()
    .meta({
      description:
        'Fields of the kind of record that this connection leaves out. A required field cannot be left out. They stay as they are when this is missing.',
      example: ['email', 'phone'],
    }),
  historyFrom: historyFrom.nullable().optional(),
});

export const reachAnswer = z
  .object({
    connectionId: z.uuid(),
    resource,
    excludedFields: z.array(z.string()),
    historyFrom: historyFrom.nullable(),
    storedValues: z.literal('kept').meta({
      description:
        'What was stored of a field before it was left out stays as it was then, until the venue changes or deletes it.',
    }),
  })
  .meta({ id: 'Reach' });
