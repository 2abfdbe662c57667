import { boolean, email, metadata, object, text } from './field.ts';
import { defineRecordKind } from './record-kind.ts';
import type { FieldsOf } from './record-kind.ts';

const line = () => text({ maxLength: 500 });

export const customers = defineRecordKind({
  name: 'customers',
  words: { one: 'Customer', many: 'Customers', a: 'a customer', several: 'customers' },
  idName: 'customerId',
  description: 'Whom the venue sells to.',
  fields: {
    name: text({ maxLength: 1_000 }),
    email: email(),
    phone: text({ maxLength: 50 }),
    address: object(
      {
        name: 'Address',
        inputName: null,
        fields: {
          line1: line(),
          line2: line(),
          city: line(),
          region: line(),
          postalCode: line(),
          /** As the venue sent it: an ISO 3166-1 alpha-2 code or a country name. */
          country: line(),
        },
      },
      { description: 'Replaced as a whole.' },
    ),
    marketingConsent: boolean(),
    metadata: metadata(),
  },
  lookedUpBy: ['email'],
});

export type CustomerFields = FieldsOf<typeof customers>;
export type Address = NonNullable<CustomerFields['address']>;
