import { PHONE } from './browser-walk-report.ts';
import { PRODUCT_TITLE } from './browser-walk-product.ts';
import type { Seen } from './browser-page.ts';
import type { Promises } from './browser-walk-report.ts';

/** Checks of every page in the flow. */
export function soundPage(seen: Seen): Promises {
  return {
    [`nothing goes wrong in it (${seen.troubles.join('; ')})`]: seen.troubles.length === 0,
    'it has a title, a heading and a language': seen.title !== '' && seen.heading !== '' && seen.language === 'en',
    'it has no script':
      seen.scripts === 0 &&
      /default-src 'none'/.test(seen.headers['content-security-policy'] ?? '') &&
      !/script-src/.test(seen.headers['content-security-policy'] ?? ''),
    'nothing keeps it': seen.headers['cache-control'] === 'no-store',
    'each control has a name': seen.controls.every(({ name }) => name.trim() !== ''),
  };
}

export function fitsPhone(width: number): Promises {
  return { [`it fits a phone (${width} px)`]: width === PHONE.width };
}

export function consentPage(seen: Seen, provider: string): Promises {
  const radios = seen.controls.filter(({ role }) => role === 'radio');
  const buttons = seen.controls.filter(({ role }) => role === 'button').map(({ name }) => name);
  // Names on consent pages: QuickBooks Online calls itself QuickBooks, and Stripe names one of its two flows.
  const [name = provider] = provider.split(' ');
  return {
    ...soundPage(seen),
    'it is there': seen.status === 200,
    [`it names ${name}`]: seen.title.includes(name) && seen.text.includes(name),
    'one account is chosen': radios.filter(({ checked }) => checked).length === 1,
    'it can be allowed and denied': buttons.join() === 'Allow,Deny',
  };
}

export function connectedPage(seen: Seen, provider: string): Promises {
  return {
    ...ownPage(seen),
    'it says that all is well':
      seen.status === 200 && seen.title === `${provider} is connected` && seen.text.includes('You can close this page'),
  };
}

export function deniedPage(seen: Seen, provider: string): Promises {
  return {
    ...ownPage(seen),
    'it says what happened':
      seen.status === 403 &&
      seen.title === `${provider} was not connected` &&
      seen.text.includes('authorization-denied'),
  };
}

export function usedPage(seen: Seen): Promises {
  return {
    ...ownPage(seen),
    'it says that the attempt was used': seen.status === 409 && seen.text.includes('authorization-used'),
  };
}

/** Checks of our pages: they repeat nothing of the address and have nothing to click. */
function ownPage(seen: Seen): Promises {
  const { searchParams } = new URL(seen.url);
  const secrets = [searchParams.get('state'), searchParams.get('code')].filter((value) => value !== null);
  return {
    ...soundPage(seen),
    'its heading is its title': seen.heading === seen.title,
    'it shows neither code nor state': secrets.length > 0 && secrets.every((secret) => !seen.source.includes(secret)),
    'there is nothing to operate': seen.controls.length === 0,
    'it sends no address on': seen.headers['referrer-policy'] === 'no-referrer',
  };
}

/** The venue's own product. `parameters`: what must have come along, and nothing else. */
export function productPage(seen: Seen, returnUrl: string, parameters: Readonly<Record<string, string>>): Promises {
  const url = new URL(seen.url);
  return {
    [`nothing goes wrong in it (${seen.troubles.join('; ')})`]: seen.troubles.length === 0,
    'it is the venue’s own page':
      seen.status === 200 && seen.title === PRODUCT_TITLE && `${url.origin}${url.pathname}` === returnUrl,
    'it was told what became of it':
      JSON.stringify(Object.fromEntries(url.searchParams)) === JSON.stringify(parameters),
  };
}

/** A short description for a step's line. */
export function summarise(seen: Seen): string {
  const controls = seen.controls.map(({ role, name, checked }) => `${checked ? '•' : ''}${role} "${name}"`);
  return [`${seen.status ?? 'kept'} "${seen.title}"`, ...controls].join(', ');
}
