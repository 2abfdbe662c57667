import type postgres from 'postgres';
import { decimal, defaulted, boolean, instant, required, sourceIdOf, text, word } from '../../records/field.ts';
import type { WordType } from '../../records/field.ts';
import { defineRecordKind, equalTo, within } from '../../records/record-kind.ts';
import type { FieldsOf } from '../../records/record-kind.ts';
import { createRecordKinds, RECORD_KINDS } from '../../records/registry.ts';

const tier = { type: 'word', name: 'LoyaltyTier', words: ['basic', 'gold'] } as const satisfies WordType;

/** A kind of record that the product does not have: without metadata and without an email. CONTRIBUTING.md walks through it. */
export const loyaltyCards = defineRecordKind({
  name: 'loyalty-cards',
  table: 'loyalty_cards',
  words: { one: 'LoyaltyCard', many: 'LoyaltyCards', a: 'a loyalty card', several: 'loyalty cards' },
  idName: 'loyaltyCardId',
  description: 'A card on which a customer collects points.',
  fields: {
    number: required(
      text({ minLength: 4, maxLength: 40, description: 'As printed on the card.', example: '4711-0815' }),
    ),
    tier: required(word(tier)),
    points: decimal(),
    customerSourceId: sourceIdOf('customers'),
    expiresAt: instant(),
    blocked: defaulted(boolean(), false),
  },
  filters: { ...equalTo('number', 'tier', 'customerSourceId'), ...within('expiresAt') },
  references: { customer: 'customerSourceId' },
});

export type LoyaltyCardFields = FieldsOf<typeof loyaltyCards>;

/** The product's kinds and the made-up one. */
export const KINDS_WITH_CARDS = createRecordKinds([...RECORD_KINDS.all, loyaltyCards]);

/** What a migration beside the descriptor would hold. */
const MIGRATION = `
create table loyalty_cards (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  number text not null,
  tier text not null,
  points numeric,
  customer_source_id text,
  expires_at timestamp(3) with time zone,
  blocked boolean default false not null
);
alter table loyalty_cards add constraint loyalty_cards_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
create unique index loyalty_cards_source on loyalty_cards (venue_id,source_id);
create index loyalty_cards_page on loyalty_cards (venue_id,id);
create index loyalty_cards_updated on loyalty_cards (venue_id,updated_at);
alter table loyalty_cards enable row level security;
create policy loyalty_cards_venue on loyalty_cards using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on loyalty_cards to interlock_app;
`;

/** Takes an owner's connection, as migrations do. */
export const createLoyaltyCards = async (admin: postgres.Sql): Promise<void> => {
  await admin.unsafe(MIGRATION);
};
