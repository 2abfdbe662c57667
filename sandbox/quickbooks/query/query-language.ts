import { accountingFault } from '../errors.ts';
import { Refusal } from '../../oauth/exchange.ts';

/** One condition of a WHERE clause; conditions are joined by AND, the only way to join them. */
export interface Condition {
  readonly property: string;
  readonly operator: '=' | '<' | '>' | '<=' | '>=' | 'IN' | 'LIKE';
  readonly values: readonly string[];
}

export interface Query {
  readonly entity: string;
  readonly isCount: boolean;
  readonly conditions: readonly Condition[];
  readonly order: readonly { readonly property: string; readonly descending: boolean }[];
  /** Counts from 1. */
  readonly startPosition: number;
  readonly maxResults: number;
}

/**
 * https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries (2026-11): 100
 * objects unless the query asks for others, and never more than 1,000.
 */
const DEFAULT_RESULTS = 100;
const MOST_RESULTS = 1_000;

/** A word, a quoted text with backslash as its escape, an operator or a sign. */
const TOKEN = /\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z][\w.]*|-?\d+(?:\.\d+)?)|(<=|>=|[=<>(),*]))/sy;

interface Token {
  readonly kind: 'text' | 'word' | 'sign';
  readonly value: string;
}

/** Throws a `Refusal` for a query that the language does not have. */
export function parseQuery(text: string): Query {
  return new Parser(tokensOf(text)).query();
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex;
    const [, quoted, word, sign] = pattern.exec(text) ?? [];
    if (quoted !== undefined) tokens.push({ kind: 'text', value: quoted.replace(/\\(.)/gs, '$1') });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else if (sign !== undefined) tokens.push({ kind: 'sign', value: sign });
    else throw parseError(`Encountered " ${text[at] ?? ''} " at position ${at}.`);
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  query(): Query {
    this.#expect('select');
    const isCount = this.#columns();
    this.#expect('from');
    const entity = this.#next('word');
    const conditions = this.#takes('where') ? this.#list('and', () => this.#condition()) : [];
    const order = this.#order();
    const places = this.#places();
    if (this.#at < this.#tokens.length) throw parseError(`Encountered " ${this.#tokens[this.#at]?.value ?? ''} ".`);
    return { entity, isCount, conditions, order, ...places };
  }

  #columns(): boolean {
    if (this.#takes('*')) return false;
    this.#expect('count');
    for (const sign of ['(', '*', ')']) this.#expect(sign);
    return true;
  }

  #order(): Query['order'] {
    if (!this.#takes('orderby')) {
      if (!this.#takes('order')) return [];
      this.#expect('by');
    }
    return this.#list(',', () => {
      const property = this.#next('word');
      const descending = this.#takes('desc');
      if (!descending) this.#takes('asc');
      return { property, descending };
    });
  }

  /** Either may come first. */
  #places(): Pick<Query, 'startPosition' | 'maxResults'> {
    let [startPosition, maxResults] = [1, DEFAULT_RESULTS];
    for (;;) {
      if (this.#takes('startposition')) startPosition = Math.max(1, this.#number());
      else if (this.#takes('maxresults')) maxResults = Math.min(MOST_RESULTS, this.#number());
      else return { startPosition, maxResults };
    }
  }

  #condition(): Condition {
    const property = this.#next('word');
    if (this.#takes('in')) {
      this.#expect('(');
      const values = this.#list(',', () => this.#value());
      this.#expect(')');
      return { property, operator: 'IN', values };
    }
    if (this.#takes('like')) return { property, operator: 'LIKE', values: [this.#value()] };
    const operator = this.#next('sign') as Condition['operator'];
    if (!['=', '<', '>', '<=', '>='].includes(operator)) throw parseError(`Encountered " ${operator} ".`);
    return { property, operator, values: [this.#value()] };
  }

  #list<T>(separator: string, read: () => T): readonly T[] {
    const items = [read()];
    while (this.#takes(separator)) items.push(read());
    return items;
  }

  #value(): string {
    const token = this.#tokens[this.#at];
    if (!token || token.kind === 'sign') throw parseError('A value is missing.');
    this.#at += 1;
    return token.value;
  }

  #number(): number {
    const number = Number(this.#next('word'));
    if (!Number.isInteger(number) || number < 0) throw parseError('A number is missing.');
    return number;
  }

  #takes(word: string): boolean {
    const token = this.#tokens[this.#at];
    if (!token || token.kind === 'text' || token.value.toLowerCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #expect(word: string): void {
    if (!this.#takes(word)) throw parseError(`Was expecting: "${word}".`);
  }

  #next(kind: Token['kind']): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw parseError(`Encountered " ${token?.value ?? '<EOF>'} ".`);
    this.#at += 1;
    return token.value;
  }
}

/** https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes (2026-11). */
const parseError = (detail: string): Refusal =>
  new Refusal(
    accountingFault(400, { code: '4000', message: 'Error parsing query', detail: `QueryParserError: ${detail}` }),
  );

export const invalidQuery = (detail: string): Refusal =>
  new Refusal(
    accountingFault(400, { code: '4001', message: 'Invalid query', detail: `QueryValidationError: ${detail}` }),
  );
