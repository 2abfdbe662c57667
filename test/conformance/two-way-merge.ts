import type { MergePolicy } from '../../contracts/records.ts';
import { FIELDS } from './two-way-people.ts';
import type { Field, Person } from './two-way-people.ts';

/** One side of a customer: an account's object, beside what it agreed on with the venue's record. */
export interface Twin {
  readonly id: string | null;
  readonly now: Person | null;
  /** What both have held at last; a field about which a person has to decide is not in it. */
  readonly agreed: Partial<Person> | null;
  /** A person has to decide about what both sides say. */
  readonly isHeld: boolean;
}

/** A customer of the venue, of its accounts, or of both. */
export interface Customer {
  sourceId: string | null;
  venue: Person | null;
  /** What the venue has held at last. */
  last?: Person | null;
  readonly twins: Twin[];
  /** Another customer has its name and address now, so that no more happens to it. */
  isReplaced?: boolean;
}

export const NO_TWIN: Twin = { id: null, now: null, agreed: null, isHeld: false };

/** Whether both say the same in every field. */
export const isSame = (one: Partial<Person> | null, other: Partial<Person> | null) =>
  FIELDS.every((name) => one?.[name] === other?.[name]);

/** The rules of one run's merge. */
export interface MergeRules {
  readonly policy: MergePolicy;
  readonly deletionPolicy: MergePolicy;
  /** The run learns of every deletion at the provider. */
  readonly isTold: boolean;
}

/** Merges a customer's record with its object in one account, and returns whether that counts as a conflict. */
export function mergeCustomer(customer: Customer, at: 0 | 1, rules: MergeRules): boolean {
  const { now } = customer.twins[at] as Twin;
  if (customer.venue !== null && now !== null) return mergeFields(customer, at, rules.policy);
  if (customer.venue !== null || now !== null) return mergeOneSide(customer, at, rules);
  settle(customer, at, null);
  return false;
}

function settle(customer: Customer, at: 0 | 1, value: Person | null): void {
  customer.venue = value;
  customer.twins[at] = { ...(customer.twins[at] as Twin), now: value, agreed: value, isHeld: false };
}

function mergeOneSide(customer: Customer, at: 0 | 1, rules: MergeRules): boolean {
  const { id, now, agreed } = customer.twins[at] as Twin;
  const isVenues = customer.venue !== null;
  const kept = (customer.venue ?? now) as Person;
  if (agreed === null) {
    if (isVenues || customer.sourceId === null) settle(customer, at, kept);
    return false;
  }
  if (isVenues && id === null) {
    settle(customer, at, kept);
    return false;
  }
  if (!isSame(kept, agreed)) return mergeDeletion(customer, at, rules.deletionPolicy);
  if (!isVenues || rules.isTold) settle(customer, at, null);
  return false;
}

/** Merges what one side has deleted and the other has changed. */
function mergeDeletion(customer: Customer, at: 0 | 1, policy: MergePolicy): boolean {
  const twin = customer.twins[at] as Twin;
  const isVenues = customer.venue !== null;
  if (policy === 'review') {
    customer.twins[at] = { ...twin, isHeld: true };
    return true;
  }
  const isKept = (policy === 'venue') === isVenues;
  settle(customer, at, isKept ? (customer.venue ?? twin.now) : null);
  // What the venue keeps counts as a conflict that its policy has settled.
  return isKept && isVenues;
}

type Value = string | null;

interface FieldValues {
  readonly here: Value;
  readonly there: Value;
  /** Undefined where the sides have not agreed on the field. */
  readonly was: Value | undefined;
  /** The sides have met before. */
  readonly hasMet: boolean;
}

function isConflict({ here, there, was, hasMet }: FieldValues): boolean {
  if (here === there) return false;
  return hasMet ? here !== was && there !== was : here !== null && there !== null;
}

const valuesOf = (name: Field, venue: Person | null, { now, agreed }: Twin): FieldValues => ({
  here: venue?.[name] ?? null,
  there: now?.[name] ?? null,
  was: agreed?.[name],
  hasMet: agreed !== null,
});

const hasVenueChanged = ({ here, was, hasMet }: FieldValues) => (hasMet ? here !== was : here !== null);

function mergeFields(customer: Customer, at: 0 | 1, policy: MergePolicy): boolean {
  const { now, id } = customer.twins[at] as Twin;
  const venue: Partial<Record<Field, Value>> = { ...customer.venue };
  const provider: Partial<Record<Field, Value>> = { ...now };
  const known: Partial<Record<Field, Value>> = {};
  let conflicts = 0;
  for (const name of FIELDS) {
    const values = valuesOf(name, customer.venue, customer.twins[at] as Twin);
    const hasConflict = isConflict(values);
    if (hasConflict) conflicts += 1;
    if (!hasConflict || policy !== 'review') {
      const takesVenue = hasConflict ? policy === 'venue' : hasVenueChanged(values);
      known[name] = venue[name] = provider[name] = takesVenue ? values.here : values.there;
    } else if (values.was !== undefined) known[name] = values.was;
  }
  customer.venue = venue as Person;
  const isHeld = conflicts > 0 && policy === 'review';
  customer.twins[at] = { id, now: provider as Person, agreed: known as Partial<Person>, isHeld };
  return conflicts > 0;
}
