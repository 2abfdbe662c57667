import { describe, expect, it } from 'vitest';
import { aQuickBooks, queryPath, refusalOf } from './quickbooks-support.ts';

interface Response {
  readonly QueryResponse: {
    readonly totalCount?: number;
    readonly Customer?: readonly { readonly DisplayName: string }[];
    readonly startPosition?: number;
    readonly maxResults?: number;
  };
}

async function aCompanyWith(...names: readonly string[]) {
  const { company, control } = await aQuickBooks();
  for (const name of names) await company.write('customer', { DisplayName: name });
  const query = async (text: string) =>
    ((await company.ask('GET', queryPath(text))).body as unknown as Response).QueryResponse;
  return {
    company,
    control,
    query,
    names: async (text: string) => (await query(text)).Customer?.map((one) => one.DisplayName),
  };
}

describe('a query of the stand-in QuickBooks', () => {
  it.each(["O'Neil", 'a \\ b', 'Say "hi"', 'dash - dash', "both \\' of them"])(
    'finds %s by its escaped name',
    async (name) => {
      const { names } = await aCompanyWith(name, 'Another');
      const escaped = name.replace(/[\\']/g, '\\$&');
      expect(await names(`select * from Customer where DisplayName = '${escaped}'`)).toEqual([name]);
    },
  );

  it('gives 100 objects unless it asks for others, and never more than 1,000', async () => {
    const { company, query } = await aCompanyWith();
    await company.seed('Customer', 1_050);
    expect(await query('select * from Customer')).toMatchObject({ startPosition: 1, maxResults: 100 });
    expect(await query('select * from Customer startposition 1001 maxresults 2000')).toMatchObject({
      ...{ startPosition: 1_001, maxResults: 50 },
    });
    expect(await query('SELECT * FROM Customer MAXRESULTS 2000 STARTPOSITION 1')).toMatchObject({ maxResults: 1_000 });
    expect(await query('select count(*) from Customer')).toEqual({ totalCount: 1_050 });
    expect(await query('select * from Customer startposition 1051')).toEqual({});
  });

  it('compares names, times and lists, and joins conditions by AND', async () => {
    const { names } = await aCompanyWith('Ada', 'Bea', 'Cid');
    expect(await names("select * from Customer where DisplayName in ('Ada', 'cid') orderby DisplayName desc")).toEqual([
      'Cid',
      'Ada',
    ]);
    expect(await names("select * from Customer where DisplayName like '%e%'")).toEqual(['Bea']);
    const before = new Date(Date.now() - 60_000).toISOString();
    expect(
      await names(`select * from Customer where MetaData.CreateTime > '${before}' and DisplayName > 'B' maxresults 1`),
    ).toEqual(['Bea']);
    expect(await names(`select * from Customer where MetaData.LastUpdatedTime < '${before}'`)).toBeUndefined();
  });

  it.each([
    ["select * from Customer where DisplayName = 'O'Neil'", '4000'],
    ['select * from Customer where', '4000'],
    ["select * from Customer where Notes = 'x'", '4001'],
    ['select * from Customer orderby Id', '4001'],
    ['select * from Nothing', '4001'],
  ])('is refused: %s', async (text, code) => {
    const { company } = await aCompanyWith('Ada');
    expect(await refusalOf(company.ask('GET', queryPath(text)))).toMatchObject({ status: 400, code });
  });
});
