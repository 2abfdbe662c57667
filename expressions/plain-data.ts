import type { ExpressionLimits } from './limits.ts';

type ResultLimits = Pick<ExpressionLimits, 'maxResultValues' | 'maxResultDepth' | 'maxText'>;

/** A result that is no plain data, or too much of it. */
export class UnfitResultError extends Error {
  override readonly name = 'UnfitResultError';
}

/**
 * Copies a result as plain data: objects without a prototype's keys, lists without JSONata's markers. Throws for
 * functions, for anything that JSON has no form for, and over the limits.
 */
export function toPlainData(result: unknown, limits: ResultLimits): unknown {
  let count = 0;
  const copy = (value: unknown, depth: number): unknown => {
    count += 1;
    if (count > limits.maxResultValues) throw new UnfitResultError('has too many values');
    if (depth > limits.maxResultDepth) throw new UnfitResultError('is nested too deeply');
    if (value === null || value === undefined) return null;
    if (typeof value !== 'object' && typeof value !== 'function') return checkedScalar(value, limits);
    if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
    if (!isPlainObject(value)) throw new UnfitResultError('is no plain data');
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => key !== '__proto__')
        .map(([key, entry]) => [key, copy(entry, depth + 1)]),
    );
  };
  return copy(result, 1);
}

function checkedScalar(value: unknown, { maxText }: ResultLimits): unknown {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && value.length <= maxText) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new UnfitResultError(typeof value === 'string' ? 'is too long a text' : 'is no finite number');
}

/** JSONata's own functions are objects too. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || '_jsonata_lambda' in value || '_jsonata_function' in value)
    return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
