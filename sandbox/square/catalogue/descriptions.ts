import type { WireObject } from '../state/square-state.ts';
import { dataOf, isA } from './catalogue.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

/** An item whose HTML description has the plain text that Square generates of it (square 46.0.0, CatalogItem). */
export function withPlaintext(object: WireObject): WireObject {
  const { description_html: html, ...data } = dataOf(object);
  if (!isA(object, 'ITEM') || typeof html !== 'string') return object;
  const text = html
    .replace(/<\/p>\s*<p>|<br\s*\/?>/g, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);
  const generated = { description_html: html, description: text, description_plaintext: text };
  return { ...object, item_data: { ...data, ...generated } };
}
