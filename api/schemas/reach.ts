import { z } from 'zod';
import { resource } from './words.ts';

const MAX_FIELDS = 100;

export const reachBody = z.strictObject({
  excludedFields: z
    .array(z.string().min(1).max(100))
    .max(MAX_FIELDS)
    .meta({
      description: 'Fields of the kind of record that this connection leaves out. A required field cannot be left out.',
      example: ['email', 'phone'],
    }),
});

export const reachAnswer = z
  .object({
    connectionId: z.uuid(),
    resource,
    excludedFields: z.array(z.string()),
    storedValues: z.literal('kept').meta({
      description:
        'What was stored of a field before it was left out stays as it was then, until the venue changes or deletes it.',
    }),
  })
  .meta({ id: 'Reach' });
