import { LOOPBACK, addressRule, isRefusedLiteral } from '../../providers/kit/address-guard.ts';

/** Why no message may be posted to a URL; null when it may. Never quotes the URL, which may hold a token. */
export type ReceiverUrlCheck = (text: string) => string | null;

/**
 * Checks URLs as far as their text tells. What a name leads to is checked whenever a message is sent.
 * `allowLoopback`: http and this machine are allowed too, for development.
 */
export function createReceiverUrlCheck({ allowLoopback }: { readonly allowLoopback: boolean }): ReceiverUrlCheck {
  const mayCall = addressRule(allowLoopback ? LOOPBACK : []);
  const isLoopbackName = (hostname: string) => hostname === 'localhost' || hostname.endsWith('.localhost');
  const schemes = allowLoopback ? ['https:', 'http:'] : ['https:'];
  const isInternal = (url: URL) => isRefusedLiteral(url, mayCall) || (!allowLoopback && isLoopbackName(url.hostname));
  return (text) => {
    // A parser leaves out white space, which a stored URL would keep.
    if (!URL.canParse(text) || /\s/.test(text)) return 'Must be a complete URL';
    const url = new URL(text);
    if (!schemes.includes(url.protocol)) return 'Must be an https URL';
    if (url.username !== '' || url.password !== '') return 'Must not hold a user or a password';
    if (url.hash !== '') return 'Must not hold a fragment';
    return isInternal(url) ? 'Must not lead to an address that is not public' : null;
  };
}
