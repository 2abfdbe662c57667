import { z } from 'zod';
import { fieldError, flag } from '../common.ts';

export const batchQuery = z.strictObject({
  atomic: flag.meta({ description: 'Refuse the whole batch when one record is bad.' }),
});

/** The text around a batch's records, which are read, checked and written while they arrive. */
export const batchEnvelope = z.strictObject({ records: z.array(z.unknown()) });

export const batchAnswer = z
  .object({
    received: z.int().meta({ description: 'Records read.' }),
    created: z.int(),
    updated: z.int(),
    unchanged: z.int(),
    rejected: z.int(),
    rejections: z
      .array(
        z.object({
          line: z.int().meta({ description: 'NDJSON: the line, from 1. JSON: the position in `records`, from 1.' }),
          sourceId: z.string().nullable().meta({ description: 'Null when it could not be read.' }),
          errors: z.array(fieldError).meta({ description: 'At most 50.' }),
        }),
      )
      .meta({ description: 'The first rejected records, at most 1,000 and 64 KB; `rejected` counts all.' }),
  })
  .meta({ id: 'BatchResult' });
