import { z } from 'zod';
import type { ResourceMapping } from '../../../providers/provider.ts';
import type { LoyaltyCardFields } from '../../made-up/loyalty-cards.ts';
import { deskObject } from './desk-list.ts';
import type { DeskList } from './desk-list.ts';

const cardSchema = deskObject.extend({
  number: z.string(),
  tier: z.enum(['basic', 'gold']),
  points: z.string().nullable(),
  /** Id of the customer whose card it is. */
  holder: z.string().nullable(),
  validUntil: z.iso.datetime().nullable(),
  blocked: z.boolean(),
});

export const cardList: DeskList<z.output<typeof cardSchema>> = {
  name: 'cards',
  schema: cardSchema,
  toFields: ({ number, tier, points, validUntil, blocked }): LoyaltyCardFields => ({
    number,
    tier,
    points,
    // Filled in from `refs` once the customer is here.
    customerSourceId: null,
    expiresAt: validUntil,
    blocked,
  }),
  refsOf: ({ holder }) => ({ customer: holder }),
};

export const cardMapping: ResourceMapping = {
  toPayload({ id, fields, refs }) {
    const { number, tier, points, customerSourceId, expiresAt, blocked } = fields as LoyaltyCardFields;
    const holder = refs?.['customer'] ?? null;
    const isEarly = customerSourceId !== null && holder === null;
    return {
      payload: { number, tier, points, holder, validUntil: expiresAt, blocked, reference: id },
      problems: isEarly
        ? [{ path: 'customerSourceId', message: 'Names a customer who is not at Corner Desk yet.' }]
        : [],
    };
  },
  callsToWrite: () => 1,
};
