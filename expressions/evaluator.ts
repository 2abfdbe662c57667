import jsonata from 'jsonata';
import type { Expression } from 'jsonata';
import { analyseTree } from './analyse.ts';
import type { ExpressionAnalysis, ExpressionResult } from '../domain/mapping/mapping.ts';
import type { ExpressionLimits } from './limits.ts';
import { UnfitResultError, toPlainData } from './plain-data.ts';

/** The hook that JSONata calls after each step of an evaluation. */
const AFTER_STEP = Symbol.for('jsonata.__evaluate_exit');
/** Compiled expressions that are kept. */
const MAX_COMPILED = 100;

class TooLongTextError extends Error {}

/** Analyses and evaluates expressions in the thread that is made for it, which the host ends when one does not end. */
export class Evaluator {
  readonly #limits: ExpressionLimits;
  readonly #compiled = new Map<string, Expression>();

  constructor(limits: ExpressionLimits) {
    this.#limits = limits;
  }

  analyse(text: string): ExpressionAnalysis {
    const { maxLength } = this.#limits;
    if (text.length > maxLength) return { ok: false, message: `Over its limit: at most ${maxLength} characters` };
    try {
      return analyseTree(this.#compile(text).ast(), this.#limits);
    } catch (error) {
      return { ok: false, message: `Cannot be read as JSONata${placeOf(error)}` };
    }
  }

  /** Results of expressions that `analyse` accepts, for one input. Messages never quote a value. */
  async evaluate(text: string, input: unknown): Promise<ExpressionResult> {
    try {
      return { ok: true, value: toPlainData(await this.#compile(text).evaluate(input), this.#limits) };
    } catch (error) {
      return { ok: false, message: this.#reasonOf(error) };
    }
  }

  #compile(text: string): Expression {
    const known = this.#compiled.get(text);
    if (known) return known;
    const { timeoutMs, maxDepth, maxItems } = this.#limits;
    const expression = jsonata(text, { timeout: timeoutMs, stack: maxDepth, sequence: maxItems });
    expression.assign(AFTER_STEP as unknown as string, this.#afterStep);
    expression.registerFunction('join', this.#join, '<a<s>s?:s>');
    if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear();
    this.#compiled.set(text, expression);
    return expression;
  }

  /** Called with the node, its input, its frame and its result. */
  readonly #afterStep = (...[, , , result]: readonly unknown[]): void => {
    if (typeof result === 'string' && result.length > this.#limits.maxText) throw new TooLongTextError();
  };

  /** JSONata's own makes one string of any size in one step. */
  readonly #join = (parts: readonly string[] | undefined, separator = ''): string | undefined => {
    if (parts === undefined) return undefined;
    const length = parts.reduce((sum, part) => sum + part.length + separator.length, 0);
    if (length > this.#limits.maxText) throw new TooLongTextError();
    return parts.join(separator);
  };

  #reasonOf(error: unknown): string {
    const { timeoutMs, maxText } = this.#limits;
    if (error instanceof UnfitResultError) return `The result of the expression ${error.message}.`;
    if (error instanceof TooLongTextError) return `The expression makes a text of more than ${maxText} characters.`;
    if (codeOf(error) === 'D1012') return `The expression took more than ${timeoutMs} ms.`;
    if (codeOf(error) === 'D1011' || error instanceof RangeError) return 'The expression goes too deep.';
    if (codeOf(error) === 'D2015') return `The expression makes a list of more than ${this.#limits.maxItems} items.`;
    return `The expression failed${placeOf(error)}.`;
  }
}

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : null;

/** JSONata's code and position. Its message quotes values, which are a customer's. */
function placeOf(error: unknown): string {
  const code = codeOf(error);
  const position = typeof error === 'object' && error !== null && 'position' in error ? error.position : null;
  return [
    typeof position === 'number' ? ` at character ${position}` : '',
    typeof code === 'string' && /^[A-Z]\d{4}$/.test(code) ? ` (${code})` : '',
  ].join('');
}
