import { describe, expect, it } from 'vitest';
import { exclusionProblem } from '../../../domain/reach/field-reach.ts';
import { mappingWithin } from '../../../activities/sync/reach.ts';
import { capabilitiesOf } from '../../../providers/kit/define-provider.ts';
import { PROVIDERS } from '../../../providers/registry.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createTestProviders } from '../../support/test-providers.ts';

const providers = createTestProviders({}, {} as never);

/** Every resource that is pushed. */
const PUSHED = PROVIDERS.flatMap((definition) =>
  capabilitiesOf(definition).resources.flatMap(({ resource, directions }) =>
    directions.includes('push') ? [[definition.id, resource] as const] : [],
  ),
);

describe('a field that is left out', () => {
  it.each(PUSHED)('appears nowhere in what is sent to %s of %s, neither as a value nor emptied', (id, resource) => {
    const kind = RECORD_KINDS.get(resource);
    const mapping = providers.find(id)!.mapping(resource);
    const optional = Object.keys(kind.fields).filter((name) => kind.fields[name]?.presence !== 'required');
    const record = { id: crypto.randomUUID(), sourceId: 'a', fields: plainRecord(kind) };
    const within = mappingWithin(mapping, { kind, excluded: optional });
    const payload = within.toPayload(record).payload;
    // The same record with the fields filled in leads to the same payload.
    const filled = { ...record, fields: { ...record.fields, ...filledFields(resource) } };
    expect(within.toPayload(filled).payload).toEqual(payload);
    expect(JSON.stringify(within.toPayload(filled).payload)).not.toContain('MARKED');
    // Nothing of it is emptied either: what is sent is what the record without them sends, or less.
    for (const [key, value] of Object.entries(payload)) {
      if (value === '' || value === null) expect(mapping.toPayload(filled).payload[key]).toEqual(value);
    }
  });

  it('must be one of the kind, not required, and leave out what comes with it', () => {
    const customers = RECORD_KINDS.get('customers');
    const products = RECORD_KINDS.get('products');
    expect(exclusionProblem(customers, 'email', ['email'])).toBeNull();
    expect(exclusionProblem(customers, 'shoeSize', ['shoeSize'])).toMatch(/Must be a field/);
    expect(exclusionProblem(customers, 'constructor', ['constructor'])).toMatch(/Must be a field/);
    expect(exclusionProblem(customers, 'email', ['email', 'email'])).toMatch(/twice/);
    expect(exclusionProblem(RECORD_KINDS.get('transactions'), 'amountMinor', ['amountMinor'])).toMatch(/required/);
    expect(exclusionProblem(products, 'currency', ['currency'])).toMatch(/amountMinor come together/);
    expect(exclusionProblem(products, 'currency', ['currency', 'amountMinor'])).toBeNull();
  });
});

const filledFields = (resource: string): Readonly<Record<string, unknown>> =>
  resource === 'customers'
    ? {
        email: 'marked@MARKED.example',
        phone: '+441234567890',
        address: { line1: 'MARKED', line2: null, city: 'MARKED', region: null, postalCode: 'MARKED', country: 'GB' },
        marketingConsent: true,
        metadata: { key: 'MARKED' },
      }
    : {
        description: 'MARKED',
        sku: 'MARKED',
        amountMinor: 4_200,
        currency: 'EUR',
        images: ['https://example.com/MARKED'],
        metadata: { key: 'MARKED' },
      };
