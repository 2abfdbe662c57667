import { Failure, invalidRequest } from './failure.ts';
import type { Form, FormValue } from './form.ts';

/**
 * Turns a raw parameter into a value, or throws the `Failure` that Stripe would answer. `param` is the full name, such
 * as `address[city]`.
 */
export type Reader<T> = (value: FormValue, param: string) => T;
export type Spec = Readonly<Record<string, Reader<unknown>>>;
export type Read<S extends Spec> = { -readonly [K in keyof S]?: ReturnType<S[K]> };

/** Reads a whole request. Refuses all parameters that `spec` does not know in one message. */
export function readForm<S extends Spec>(form: Form, spec: S, within = ''): Read<S> {
  const nameOf = (key: string) => (within === '' ? key : `${within}[${key}]`);
  const unknown = [...form.keys()].filter((key) => !Object.hasOwn(spec, key)).map(nameOf);
  const [first] = unknown;
  if (first !== undefined) {
    const message = `Received unknown parameter${unknown.length > 1 ? 's' : ''}: ${unknown.join(', ')}`;
    throw invalidRequest(message, { code: 'parameter_unknown', param: first });
  }
  const entries = [...form].map(([key, value]) => [key, spec[key]?.(value, nameOf(key))] as const);
  return Object.fromEntries(entries) as Read<S>;
}

/** Counts code points: a character outside the basic plane counts as one. */
export function charactersIn(string: string): number {
  return Array.from(string).length;
}

/**
 * A string of at most `max` characters. Accepts an empty string, which clears the field for most of Stripe's
 * parameters.
 */
export function text(max: number): Reader<string> {
  return (value, param) => {
    if (typeof value !== 'string') throw invalidRequest('Invalid string', { param });
    if (charactersIn(value) > max) {
      const characters = Array.from(value);
      const shown =
        characters.length > 60 ? `${characters.slice(0, 20).join('')}...${characters.slice(-20).join('')}` : value;
      throw invalidRequest(`Invalid string: ${shown}; must be at most ${max} characters`, { param });
    }
    return value;
  };
}

/** A string that must not be empty. */
export function requiredText(max: number): Reader<string> {
  const read = text(max);
  return (value, param) => {
    const string = read(value, param);
    if (string === '') throw emptyString(param, 'parameter_invalid_string_empty');
    return string;
  };
}

/** Reads empty or null as null, which clears the field. */
export function clearable<T>(read: Reader<T>): Reader<T | null> {
  return (value, param) => (value === '' ? null : read(value, param));
}

export function email(max: number): Reader<string> {
  const read = text(max);
  return (value, param) => {
    const address = read(value, param);
    if (!/^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(address)) {
      throw invalidRequest(`Invalid email address: ${address}`, { code: 'email_invalid', param });
    }
    return address;
  };
}

export function integer({
  min = -Infinity,
  max = Infinity,
}: { readonly min?: number; readonly max?: number } = {}): Reader<number> {
  return (value, param) => {
    if (value === '') throw emptyString(param, 'parameter_invalid_empty');
    if (typeof value !== 'string' || !/^[+-]?\d{1,15}$/.test(value)) {
      const shown = typeof value === 'string' ? value : 'object';
      throw invalidRequest(`Invalid integer: ${shown}`, { code: 'parameter_invalid_integer', param });
    }
    const number = Number(value);
    if (number >= min && number <= max) return number;
    const bound = number < min ? `greater than or equal to ${min}` : `less than or equal to ${max}`;
    throw invalidRequest(`This value must be ${bound} (it currently is '${value}').`, {
      code: 'parameter_invalid_integer',
      param,
    });
  };
}

export const boolean: Reader<boolean> = (value, param) => {
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalidRequest(`Invalid boolean: ${typeof value === 'string' ? value : 'object'}`, { param });
};

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return (value, param) => {
    const found = allowed.find((option) => option === value);
    if (found === undefined) throw invalidRequest(`Invalid ${param}: must be one of ${allowed.join(', ')}`, { param });
    return found;
  };
}

export function hash<S extends Spec>(spec: S): Reader<Read<S>> {
  return (value, param) => {
    if (typeof value === 'string') throw invalidRequest('Invalid object', { param });
    return readForm(value, spec, param);
  };
}

export function list<T>(read: Reader<T>, max: number): Reader<T[]> {
  return (value, param) => {
    if (typeof value === 'string') throw invalidRequest('Invalid array', { param });
    if (value.size > max) throw invalidRequest(`Array ${param} exceeded maximum ${max} allowed elements.`, { param });
    return [...value].map(([key, item]) => {
      if (!/^\d+$/.test(key)) throw invalidRequest('Invalid array', { param });
      return read(item, `${param}[${key}]`);
    });
  };
}

/** A parameter that names an object of a kind the sandbox does not have, so that no id exists. */
export function absent(kind: string): Reader<never> {
  return (value, param) => {
    throw new Failure(400, {
      type: 'invalid_request_error',
      code: 'resource_missing',
      message: `No such ${kind}: '${typeof value === 'string' ? value : ''}'`,
      param,
    });
  };
}

/**
 * A parameter that Stripe knows and the sandbox does not implement. Refuses it, so that nobody believes it took effect.
 */
export const notSimulated: Reader<never> = (_value, param) => {
  throw invalidRequest(`The sandbox does not simulate the parameter ${param}.`, { param });
};

export function emptyString(
  param: string,
  code: 'parameter_invalid_empty' | 'parameter_invalid_string_empty',
): Failure {
  return invalidRequest(
    `You passed an empty string for '${param}'. An empty value asks to unset a parameter, and '${param}' cannot be unset. Remove it from the request or give it a value.`,
    { code, param },
  );
}

export function missing(param: string): Failure {
  return invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param });
}
