import type { z } from 'zod';

/**
 * Has a rule about several fields checked wherever these fields are right. By itself zod leaves such a rule out as soon as any
 * field is wrong, and an answer would name the errors in two instalments.
 */
export const whereRight = (...fields: readonly string[]) => ({
  when: ({ value, issues }: z.core.ParsePayload): boolean =>
    typeof value === 'object' &&
    value !== null &&
    issues.every(({ code, path: [field] = [] }) =>
      field === undefined ? code === 'unrecognized_keys' : !fields.includes(String(field)),
    ),
});

/**
 * A rule about a list or a map as a whole, which is checked also where single items are wrong, as zod does with the
 * number of items.
 */
export const ofWhole = (error: string) => ({
  error,
  when: ({ issues }: z.core.ParsePayload): boolean =>
    issues.every(({ code, path = [] }) => path.length > 0 || code !== 'invalid_type'),
});

interface Days {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Refuses days in the wrong order. A day that is left out depends on today, and is checked where that is known. */
export function checkDayOrder({ from, to }: Days, context: z.core.$RefinementCtx): void {
  if (from !== undefined && to !== undefined && from > to)
    context.addIssue({ code: 'custom', path: ['from'], message: 'Must not be after `to`' });
}
