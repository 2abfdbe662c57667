import { Refusal } from '../../oauth/exchange.ts';
import { accountingFault } from '../errors.ts';

// Messages as in recorded exchanges of 2020 and on
// https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/handling-common-errors (2026-11).

const refusal = (
  code: string,
  message: string,
  told: { readonly detail: string; readonly element?: string },
): Refusal => new Refusal(accountingFault(400, { code, message, ...told }));

export const notFound = (): Refusal =>
  refusal('610', 'Object Not Found', {
    detail:
      "Object Not Found : Something you're trying to use has been made inactive. Check the fields with accounts, customers, items, vendors or employees.",
  });

export const stale = (): Refusal =>
  refusal('5010', 'Stale Object Error', {
    detail:
      'Stale Object Error : You and Owner Somebody were working on this at the same time. Owner Somebody finished before you did, so your work was not saved.',
  });

export const duplicateName = (): Refusal =>
  refusal('6240', 'Duplicate Name Exists Error', {
    detail:
      'The name supplied already exists. : Another customer, vendor or employee is already using this name. Please use a different name.',
  });

/** https://quickbooks.intuit.com/learn-support/en-us/other-questions/error-code-6140-duplicate-document-error-manual-invoices-are/00/1533226 (read 2026-11-29). */
export const duplicateNumber = (number: string, invoice: string): Refusal =>
  refusal('6140', 'Duplicate Document Number Error', {
    detail: `Duplicate Document Number Error : You must specify a different number. This number has already been used. DocNumber=${number} is assigned to TxnType=Invoice with TxnId=${invoice}`,
  });

// The codes are those of https://insighthk.com/service/quickbooksrepair/IPP-Error-Codes.html and
// https://github.com/intuit/QuickBooks-V3-PHP-SDK/issues/102 (2026-11-29); the details are the stand-in's words.
export const amountMiscalculated = (amount: string): Refusal =>
  refusal('6070', 'Amount calculation incorrect in the request', {
    detail: `Amount calculation incorrect in the request. Amount is not equal to UnitPrice * Qty. Supplied value:${amount}`,
    element: 'Line.Amount',
  });

export const invalidReference = (property: string, id: string): Refusal =>
  refusal('2500', 'Invalid Reference Id', {
    detail: `Invalid Reference Id : Names element id ${id} not found`,
    element: property,
  });

/** https://stackoverflow.com/questions/30780062 (2026-11): as reported of US companies. */
export const usTaxCode = (code: string): Refusal =>
  refusal('6100', 'Invalid Line TaxCode in the request', {
    detail: `Valid line TaxCodes for US should be TAX or NON. Supplied value: ${code}`,
    element: 'Line.SalesItemLineDetail.TaxCodeRef',
  });

export const tooLong = (property: string): Refusal =>
  refusal('2050', 'String length is either shorter or longer than supported by specification', {
    detail: `String length specified does not match the supported length of ${property}.`,
    element: property,
  });

export const missing = (parameter: string): Refusal =>
  refusal('2020', 'Required param missing, need to supply the required value for the API', {
    detail: `Required parameter ${parameter} is missing in the request`,
    element: parameter,
  });

export const unsupportedProperty = (property: string, entity: string): Refusal =>
  refusal('2010', 'Request has invalid or unsupported property', {
    detail: `Property Name:Unrecognized field "${property}" (class com.intuit.schema.finance.v3.${entity}), not marked as ignorable\n specified is unsupported or invalid`,
  });

/**
 * The message is reported (https://github.com/intuit/QuickBooks-V3-DotNET-SDK/issues/333, 2026-11) and quotes the
 * address; the code is the stand-in's assumption.
 */
export const invalidEmail = (address: string): Refusal =>
  refusal('2210', 'Invalid Email Address format', {
    detail: `Email Address does not conform to the syntax rules of RFC 822. Supplied value: ${address}`,
    element: 'PrimaryEmailAddr',
  });

/** The code is the stand-in's assumption. */
export const invalidText = (property: string): Refusal =>
  refusal('2040', 'Invalid String', {
    detail: 'String contains an invalid character, or is too long.',
    element: property,
  });

export const validation = (detail: string): Refusal =>
  refusal('6000', 'A business validation error has occurred while processing your request', {
    detail: `Business Validation Error: ${detail}`,
  });
