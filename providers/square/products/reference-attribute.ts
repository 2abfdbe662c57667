import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { Ask } from '../http/ask.ts';

/** The custom attribute that holds our record's id: the catalogue has no field for ids in other systems. */
export const REFERENCE_KEY = 'interlock_record_id';

const DEFINITION = 'CUSTOM_ATTRIBUTE_DEFINITION';
const definitionsAnswer = z.object({ objects: z.array(z.unknown()).nullish() });

/**
 * Our record's id on a catalogue object. The key has a prefix where another application of ours has defined it (square
 * 46.0.0, CatalogObjectBase).
 */
export function referenceIn(values: Readonly<Record<string, unknown>> | null | undefined): string | null {
  const entry = Object.entries(values ?? {}).find(([key]) => isReference(key));
  return entry ? textAt(entry[1], 'string_value') : null;
}

const isReference = (key: string): boolean => key === REFERENCE_KEY || key.endsWith(`:${REFERENCE_KEY}`);

/** The custom attributes of catalogue objects, but for the one that holds our record's id. */
export const customAttributesOf = (
  ...values: readonly (Readonly<Record<string, unknown>> | null | undefined)[]
): readonly (readonly string[])[] =>
  values.flatMap((own) =>
    Object.keys(own ?? {}).flatMap((key) => (isReference(key) ? [] : [['custom_attribute_values', key]])),
  );

/** The definition of the attribute, which each seller's catalogue needs once. */
export class ReferenceAttribute {
  readonly #ask: Ask;
  #defined: Promise<boolean> | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** One call a session; asked again after a failure. */
  isDefined(): Promise<boolean> {
    this.#defined ??= this.#look().catch((error: unknown) => {
      this.#defined = null;
      throw error;
    });
    return this.#defined;
  }

  /** Defines the attribute where it is not defined. Two that do so at once define it once: Square refuses a second of its name. */
  async define(): Promise<void> {
    if (await this.isDefined()) return;
    try {
      const body = { idempotency_key: randomUUID(), object: { type: DEFINITION, id: `#${REFERENCE_KEY}`, ...DATA } };
      await this.#ask(z.object({}), { method: 'POST', path: '/v2/catalog/object', body });
    } catch (error) {
      if (!(error instanceof ProviderError) || error.details.kind !== 'rejected' || !(await this.#look())) throw error;
    }
    this.#defined = Promise.resolve(true);
  }

  async #look(): Promise<boolean> {
    const body = { object_types: [DEFINITION], limit: 1_000 };
    const { objects } = await this.#ask(definitionsAnswer, { method: 'POST', path: '/v2/catalog/search', body });
    return (objects ?? []).some((one) => textAt(one, 'custom_attribute_definition_data', 'key') === REFERENCE_KEY);
  }
}

/** Hidden from the seller: it is of no use in their forms, and an edit would hide a product from us. */
const DATA = {
  custom_attribute_definition_data: {
    type: 'STRING',
    key: REFERENCE_KEY,
    name: 'Interlock record',
    allowed_object_types: ['ITEM_VARIATION'],
    seller_visibility: 'SELLER_VISIBILITY_HIDDEN',
    app_visibility: 'APP_VISIBILITY_READ_ONLY',
  },
};
