/**
 * The query language of QuickBooks
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries, read 2026-11-28).
 */
export interface Select {
  readonly entity: string;
  /** Joined by AND, the only way that the language has. */
  readonly where?: readonly string[];
  readonly orderBy?: string;
  /** Objects to pass over. */
  readonly skip?: number;
  readonly limit?: number;
}

/** Most objects of a page. */
export const PAGE_SIZE = 1_000;

export const select = ({ entity, where = [], orderBy, skip = 0, limit = PAGE_SIZE }: Select): string =>
  [
    `select * from ${entity}`,
    ...(where.length > 0 ? [`where ${where.join(' and ')}`] : []),
    ...(orderBy === undefined ? [] : [`orderby ${orderBy}`]),
    `startposition ${skip + 1} maxresults ${limit}`,
  ].join(' ');

export const selectCount = ({ entity, where = [] }: Pick<Select, 'entity' | 'where'>): string =>
  [`select count(*) from ${entity}`, ...(where.length > 0 ? [`where ${where.join(' and ')}`] : [])].join(' ');

/** A text as a value. Backslashes and quotes are escaped with a backslash (https://blogs.intuit.com/2017/02/08/deep-dive-sql-queries/, read 2026-11-28). */
export const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

export const quotedList = (texts: readonly string[]): string => `(${texts.map(quoted).join(', ')})`;

/** Without it a query leaves out what is inactive. */
export const ACTIVE_OR_NOT = 'Active in (true, false)';

export const isoOf = (epochS: number): string => new Date(epochS * 1_000).toISOString();
