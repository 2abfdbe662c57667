import fc from 'fast-check';
import type { SyncMode } from '../../contracts/providers.ts';
import type { MergePolicy } from '../../contracts/records.ts';
import { FIELDS } from './two-way-people.ts';
import type { Field } from './two-way-people.ts';

/** The venue, or one of its accounts by its index. */
export type Where = 'venue' | 0 | 1;

/** What happens next. A step that fits no customer is left out, so that a failing history can be made shorter. */
export type Step =
  | { readonly do: 'create'; readonly at: Where }
  | { readonly do: 'create-on-both'; readonly at: 0 | 1; readonly phones: 'alike' | 'one' | 'different' }
  | { readonly do: 'change'; readonly at: Where; readonly who: number; readonly fields: readonly Field[] }
  | { readonly do: 'clear-phone'; readonly at: Where; readonly who: number }
  | { readonly do: 'delete'; readonly at: Where; readonly who: number }
  | { readonly do: 'create-again'; readonly at: Where; readonly who: number }
  | { readonly do: 'take-over'; readonly at: Where; readonly who: number }
  | { readonly do: 'load-again'; readonly who: number }
  | { readonly do: 'run'; readonly at: 0 | 1; readonly mode: SyncMode; readonly fault: Fault };

export type Fault = 'none' | 'lost-create' | 'lost-update' | 'unavailable' | 'too-many' | 'given-up';

/** A short history of a venue and its accounts. */
export interface History {
  readonly accounts: 1 | 2;
  readonly policy: MergePolicy;
  readonly deletionPolicy: MergePolicy;
  readonly steps: readonly Step[];
}

const where = (): fc.Arbitrary<Where> => fc.constantFrom<Where>('venue', 'venue', 0, 0, 1);
const account = () => fc.constantFrom<0 | 1>(0, 0, 1);
const who = () => fc.nat({ max: 11 });

const step = (): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), at: where() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('create-on-both' as const),
        at: account(),
        phones: fc.constantFrom('alike' as const, 'one' as const, 'different' as const),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('change' as const),
        at: where(),
        who: who(),
        fields: fc.subarray([...FIELDS], { minLength: 1 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear-phone' as const), at: where(), who: who() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), at: where(), who: who() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('create-again' as const), at: where(), who: who() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('take-over' as const), at: where(), who: who() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('load-again' as const), who: who() }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('run' as const),
        at: account(),
        mode: fc.constantFrom<SyncMode>('incremental', 'incremental', 'full'),
        fault: fc.constantFrom<Fault>(
          'none',
          'none',
          'none',
          'none',
          'lost-create',
          'lost-update',
          'unavailable',
          'too-many',
          'given-up',
        ),
      }),
    },
  );

/** Draws histories. */
export const histories = (): fc.Arbitrary<History> =>
  fc.record({
    accounts: fc.constantFrom<1 | 2>(1, 1, 2),
    policy: fc.constantFrom<MergePolicy>('venue', 'provider', 'review'),
    deletionPolicy: fc.constantFrom<MergePolicy>('venue', 'provider', 'review'),
    steps: fc.array(step(), { minLength: 8, maxLength: 25 }),
  });
