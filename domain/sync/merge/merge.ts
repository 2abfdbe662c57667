import type { MergePolicy } from '../../../contracts/records.ts';
import { fieldOf, flatten, isSame, mapOf, unflatten } from './flat-fields.ts';
import type { Fields, FlatFields, MapFields } from './flat-fields.ts';

/**
 * What each side held when both last agreed. They differ where the provider rewrites what it is sent, such as a trimmed
 * name. A missing field is unknown.
 */
export interface AgreedVersion {
  readonly venue: Fields;
  readonly provider: Fields;
}

export interface MergeInput {
  readonly agreed: AgreedVersion;
  /** The venue's record. A missing field counts as null. */
  readonly venue: Fields;
  /** The provider's object. A missing field was not told, so it counts as unchanged. */
  readonly provider: Fields;
  /** The policy of a field, or of a key of a map, by its path. */
  readonly policyOf: (path: string) => MergePolicy;
  /** When each side last changed. Null when the provider does not tell. */
  readonly changedAtMs: { readonly venue: number; readonly provider: number | null };
  readonly maps: MapFields;
  /** Names of fields that are one value, such as an amount and its currency: where one of them changed, all of them did. */
  readonly together?: readonly (readonly string[])[];
}

/** A field that both sides changed differently. */
export interface FieldConflict {
  /** The path: a field's name, or `metadata.<key>`. */
  readonly field: string;
  /** The venue's value when both sides last agreed; null when unknown. */
  readonly agreed: unknown;
  readonly venue: unknown;
  readonly provider: unknown;
  /** The side that the policy chose; null when a person has to decide. */
  readonly settledBy: 'venue' | 'provider' | null;
}

export interface Merged {
  /** The venue's record after the merge. */
  readonly venue: Fields;
  /** What the provider's object should hold after the merge. A field under review keeps the provider's value. */
  readonly provider: Fields;
  /** Paths whose value changes in the venue's record. */
  readonly changesForVenue: readonly string[];
  /** Paths whose value has to be written to the provider. */
  readonly changesForProvider: readonly string[];
  readonly conflicts: readonly FieldConflict[];
  /** The agreed version until the changes for the provider are written. */
  readonly agreed: AgreedVersion;
}

/** One path on both sides, now and when they agreed. Undefined: not told, or unknown. */
interface Sides {
  readonly venue: unknown;
  readonly provider: unknown;
  readonly agreedVenue: unknown;
  readonly agreedProvider: unknown;
}

/** The outcome for one path. */
interface Outcome extends Sides {
  readonly travelsTo: 'venue' | 'provider' | null;
  readonly conflict: Omit<FieldConflict, 'field' | 'agreed' | 'venue' | 'provider'> | null;
}

/**
 * Merges the changes of both sides since they last agreed, field by field and maps key by key. A field that one side
 * changed travels to the other. A field that both changed to the same value is agreed. A field that both changed
 * differently, or that differs with nothing known of an agreement, is settled by its policy.
 */
export function merge(input: MergeInput): Merged {
  const { maps } = input;
  const sides = sidesOf(input);
  const outcomes = new Map([...sides].map((one) => [one[0], outcomeOf(one, sides, input)]));
  const paths = [...outcomes];
  const flat = (pick: (one: Outcome) => unknown): FlatFields =>
    new Map(paths.map(([path, one]) => [path, pick(one)] as const).filter(([, value]) => value !== undefined));
  const told = [...new Set([...Object.keys(input.venue), ...Object.keys(input.provider)])];
  return {
    venue: unflatten(
      flat(({ venue }) => venue),
      maps,
      told,
    ),
    provider: unflatten(
      flat(({ venue, provider, conflict }) => (conflict?.settledBy === null ? provider : venue)),
      maps,
      told,
    ),
    changesForVenue: paths.filter(([, { travelsTo }]) => travelsTo === 'venue').map(([path]) => path),
    changesForProvider: paths.filter(([, { travelsTo }]) => travelsTo === 'provider').map(([path]) => path),
    conflicts: paths.flatMap(([path, { conflict }]) => (conflict ? toConflict(path, conflict, sides.get(path)) : [])),
    agreed: {
      venue: agreedSide(outcomes, ({ agreedVenue }) => agreedVenue, maps),
      provider: agreedSide(outcomes, ({ agreedProvider }) => agreedProvider, maps),
    },
  };
}

function toConflict(path: string, conflict: NonNullable<Outcome['conflict']>, sides: Sides | undefined): FieldConflict {
  return {
    field: path,
    agreed: sides?.agreedVenue ?? null,
    venue: sides?.venue ?? null,
    provider: sides?.provider ?? null,
    settledBy: conflict.settledBy,
  };
}

/** A map is known only when each of its keys is. */
function agreedSide(outcomes: ReadonlyMap<string, Outcome>, pick: (one: Outcome) => unknown, maps: MapFields): Fields {
  const flat = new Map([...outcomes].map(([path, one]) => [path, pick(one)] as const));
  const unknown = new Set([...flat].filter(([, value]) => value === undefined).map(([path]) => fieldOf(path, maps)));
  const known = new Map([...flat].filter(([path]) => !unknown.has(fieldOf(path, maps))));
  return unflatten(
    known,
    maps,
    [...maps].filter((name) => !unknown.has(name)),
  );
}

/** Every path of either side. A key that a known map does not have is null. */
function sidesOf({ agreed, venue, provider, maps }: MergeInput): ReadonlyMap<string, Sides> {
  const [v, p, av, ap] = [venue, provider, agreed.venue, agreed.provider].map((side) => flatten(side, maps)) as [
    FlatFields,
    FlatFields,
    FlatFields,
    FlatFields,
  ];
  const paths = new Set([v, p, av, ap].flatMap((side) => [...side.keys()]));
  const valueIn = (flat: FlatFields, whole: Fields, path: string): unknown => {
    if (flat.has(path)) return flat.get(path);
    const map = mapOf(path, maps);
    return map !== null && whole[map] !== undefined ? null : undefined;
  };
  return new Map(
    [...paths]
      .filter((path) => venue[fieldOf(path, maps)] !== undefined || provider[fieldOf(path, maps)] !== undefined)
      .map((path) => [
        path,
        {
          venue: valueIn(v, venue, path) ?? null,
          provider: valueIn(p, provider, path),
          agreedVenue: valueIn(av, agreed.venue, path),
          agreedProvider: valueIn(ap, agreed.provider, path),
        },
      ]),
  );
}

/** The paths that are one value with this one and that the provider tells, itself included. */
function partsOf(path: string, all: ReadonlyMap<string, Sides>, together: MergeInput['together'] = []) {
  const group = together.find((names) => names.includes(path));
  const isTold = (name: string) => all.get(name)?.provider !== undefined;
  return group !== undefined && isTold(path) ? group.filter(isTold) : [path];
}

/** The policy of fields that are one value: where theirs disagree, a person decides. */
function policyOfAll(parts: readonly string[], policyOf: MergeInput['policyOf']): MergePolicy {
  const [policy = 'review', ...others] = new Set(parts.map(policyOf));
  return others.length === 0 ? policy : 'review';
}

function outcomeOf(
  [path, sides]: readonly [string, Sides],
  all: ReadonlyMap<string, Sides>,
  input: MergeInput,
): Outcome {
  const { provider } = sides;
  const parts = partsOf(path, all, input.together);
  const whole = parts.map((part) => all.get(part) ?? sides);
  if (whole.every(isEqual)) return agreedOn(sides, provider, null);
  const changes = whole.map(changesOf);
  const venueChanged = changes.some((one) => one.venueChanged);
  const providerChanged = changes.some((one) => one.providerChanged);
  const settledBy = () => winnerOf(policyOfAll(parts, input.policyOf), input.changedAtMs);
  // Shown with the rest of its value, which a person decides as one: either side may change it until then.
  if (isEqual(sides))
    return {
      ...agreedOn(sides, provider, null),
      conflict: venueChanged && providerChanged && settledBy() === null ? { settledBy: null } : null,
    };
  if (!providerChanged) return { ...sides, travelsTo: venueChanged ? 'provider' : null, conflict: null };
  return venueChanged ? settle(sides, settledBy()) : takeProvider(sides, null);
}

/** A field that the provider does not tell is not an empty one: the venue may have cleared it. */
const isEqual = ({ venue, provider }: Sides): boolean => provider !== undefined && isSame(venue, provider);

/** With nothing known of an agreement, what the provider tells counts as changed on both sides. */
function changesOf({ venue, provider, agreedVenue, agreedProvider }: Sides) {
  const known = agreedVenue !== undefined && agreedProvider !== undefined;
  const isTold = provider !== undefined;
  return {
    venueChanged: known ? !isSame(venue, agreedVenue) : isTold,
    providerChanged: isTold && (!known || !isSame(provider, agreedProvider)),
  };
}

function settle(sides: Sides, settledBy: FieldConflict['settledBy']): Outcome {
  if (settledBy === 'provider') return takeProvider(sides, { settledBy });
  if (settledBy === null) return { ...sides, travelsTo: null, conflict: { settledBy } };
  const { provider, agreedVenue } = sides;
  // The provider's value was considered, so it becomes its side of the agreement, and only the venue counts as changed.
  return {
    ...sides,
    agreedVenue: agreedVenue === undefined ? provider : agreedVenue,
    agreedProvider: provider,
    travelsTo: 'provider',
    conflict: { settledBy },
  };
}

const agreedOn = (sides: Sides, value: unknown, travelsTo: Outcome['travelsTo']): Outcome => ({
  ...sides,
  ...{ venue: value, provider: value, agreedVenue: value, agreedProvider: value, travelsTo },
  conflict: null,
});

const takeProvider = (sides: Sides, conflict: Outcome['conflict']): Outcome => ({
  ...agreedOn(sides, sides.provider, 'venue'),
  conflict,
});

/** Null when a person has to decide, also under `newest` when one of the times is unknown or both are equal. */
export function winnerOf(
  policy: MergePolicy,
  { venue, provider }: MergeInput['changedAtMs'],
): 'venue' | 'provider' | null {
  if (policy === 'venue' || policy === 'provider') return policy;
  if (policy === 'review' || provider === null || venue === provider) return null;
  return venue > provider ? 'venue' : 'provider';
}
