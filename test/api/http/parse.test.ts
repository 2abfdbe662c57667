import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { check, checkUnnamed } from '../../../api/http/parse.ts';
import { BatchValidator } from '../../../api/records/batch-validator.ts';
import { schemasOf } from '../../../api/schemas/records/record-schemas.ts';
import { customers } from '../../../records/customers.ts';
import { transactions } from '../../../records/transactions.ts';

const customer = schemasOf(customers).record;
const transaction = schemasOf(transactions).record;

/** Some are valid, some are not; fields are there or not. */
const anyCustomer = fc.record(
  {
    sourceId: fc.oneof(fc.string(), fc.constant(1)),
    name: fc.oneof(fc.string(), fc.constant(null), fc.constant('a\0')),
    email: fc.oneof(fc.emailAddress(), fc.string()),
    metadata: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.constant([])),
    unknown: fc.constant(1),
  },
  { requiredKeys: [] },
);

const LINE = { description: 'Coffee', amountMinor: 250 };
const withLines = (lines: readonly unknown[]) => ({ sourceId: 'a', lines });

describe('input whose errors nobody has room for', () => {
  it('is accepted and refused as it is with its errors named', () => {
    fc.assert(
      fc.property(fc.oneof(anyCustomer, fc.jsonValue()), (input) => {
        const named = check(customer, input);
        expect(checkUnnamed(customer, input)).toEqual(named.ok ? named : { ok: false, errors: [], omitted: 0 });
      }),
    );
  });

  it('costs a load no messages once its list of rejections is full, and is still counted', () => {
    let named = 0;
    const schema = z.strictObject({
      sourceId: z.string({
        error: () => {
          named += 1;
          return 'Must be a text';
        },
      }),
    });
    const validator = new BatchValidator(schema);
    for (let line = 1; line <= 5_000; line += 1) validator.validate({ line, value: { sourceId: line } });
    // One more than fits is named: that it does not fit is known by its size.
    expect(named).toBe(validator.rejections.length + 1);
    expect(validator.validate({ line: 5_001, value: { sourceId: 'good' } })).toEqual({ record: { sourceId: 'good' } });
    expect(validator.validate({ line: 5_002, value: { sourceId: 'good' } })).toBeNull();
    expect(validator).toMatchObject({ received: 5_002, rejected: 5_001 });
  });
});

describe('a long list', () => {
  it('is accepted when all of it is valid', () => {
    expect(check(transaction, withLines(Array.from({ length: 5_000 }, () => LINE))).ok).toBe(true);
  });

  it('has the errors of its first items named when thousands are wrong', () => {
    const parsed = check(transaction, withLines(Array.from({ length: 5_000 }, () => ({ amountMinor: 'x' }))));
    const paths = parsed.ok ? [] : parsed.errors.map(({ path }) => path);
    expect(paths).toEqual(Array.from({ length: 500 }, (_, index) => `lines.${index}.amountMinor`));
  });

  it('has its only error named, wherever it is', () => {
    for (const at of [0, 499, 500, 1_000, 4_999]) {
      const lines: unknown[] = Array.from({ length: 5_000 }, () => LINE);
      lines[at] = { ...LINE, amountMinor: 'x' };
      expect(check(transaction, withLines(lines))).toMatchObject({
        ok: false,
        errors: [{ path: `lines.${at}.amountMinor` }],
      });
    }
  });

  it('is refused for its length', () => {
    const parsed = check(transaction, withLines(Array.from({ length: 5_001 }, () => LINE)));
    expect(parsed).toMatchObject({ ok: false, errors: [{ path: 'lines' }] });
  });
});
