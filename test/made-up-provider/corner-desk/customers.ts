import { z } from 'zod';
import type { ResourceMapping } from '../../../providers/provider.ts';
import type { CustomerFields } from '../../../records/customers.ts';
import { deskObject } from './desk-list.ts';
import type { DeskList } from './desk-list.ts';

const customerSchema = deskObject.extend({
  name: z.string().nullable(),
  mail: z.string().nullable(),
  phone: z.string().nullable(),
});

export const customerList: DeskList<z.output<typeof customerSchema>> = {
  name: 'customers',
  schema: customerSchema,
  toFields: ({ name, mail, phone }): CustomerFields => ({
    name,
    email: mail,
    phone,
    address: null,
    marketingConsent: null,
    metadata: {},
  }),
};

export const customerMapping: ResourceMapping = {
  toPayload({ id, fields }) {
    const { name, email, phone } = fields as CustomerFields;
    return { payload: { name, mail: email, phone, reference: id }, problems: [] };
  },
  callsToWrite: () => 1,
};
