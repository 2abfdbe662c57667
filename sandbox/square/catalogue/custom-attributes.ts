import { invalidRequest } from '../errors.ts';
import type { WireObject } from '../state/square-state.ts';
import { dataOf, isA, isDeleted } from './catalogue.ts';
import type { Catalogue } from './catalogue.ts';

/** Definitions by their key. The stand-in has one application, so keys have no prefix. */
const definitionsOf = (catalogue: Catalogue): ReadonlyMap<unknown, WireObject> =>
  new Map(
    catalogue
      .all()
      .filter((object) => isA(object, 'CUSTOM_ATTRIBUTE_DEFINITION') && !isDeleted(object))
      .map((object) => [dataOf(object)['key'], object]),
  );

/**
 * An object with its custom attributes as Square answers them. Throws a `Refusal` for an attribute without a definition
 * and for a second definition of one name: it "must be unique within the (merchant, application) pair" (square 46.0.0,
 * CatalogCustomAttributeDefinition).
 */
export function withAttributes(catalogue: Catalogue, object: WireObject): WireObject {
  const values = object['custom_attribute_values'];
  const isDefinition = isA(object, 'CUSTOM_ATTRIBUTE_DEFINITION');
  if (!isDefinition && (typeof values !== 'object' || values === null)) return object;
  const definitions = definitionsOf(catalogue);
  if (isDefinition) {
    const { name, key } = dataOf(object);
    const same = [...definitions.values()].find((one) => dataOf(one)['name'] === name || dataOf(one)['key'] === key);
    if (same && same['id'] !== object['id'])
      throw invalidRequest('INVALID_VALUE', 'The custom attribute is defined already.', 'name');
    return object;
  }
  const told = Object.entries(values as Readonly<Record<string, WireObject>>).map(([key, { string_value }]) => {
    const definition = definitions.get(key);
    if (!definition)
      throw invalidRequest('INVALID_VALUE', `There is no custom attribute ${key}.`, 'custom_attribute_values');
    const { name, type } = dataOf(definition);
    return [key, { name, string_value, custom_attribute_definition_id: definition['id'], type, key }] as const;
  });
  return { ...object, custom_attribute_values: Object.fromEntries(told) };
}

/** Whether an object has this value of the attribute with this key. */
export function hasAttribute(object: WireObject, key: string, value: string): boolean {
  const values = (object['custom_attribute_values'] ?? {}) as Readonly<Record<string, WireObject>>;
  return values[key]?.['string_value'] === value;
}
