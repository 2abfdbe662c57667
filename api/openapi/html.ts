/** A page of the documentation. */
export const page = (title: string, body: string): string =>
  `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Interlock: ${title}</title></head>\n<body>${body}\n</body>\n</html>\n`;

/** Escapes text; of Markdown it supports only code in backticks. */
export function toHtml(text: string): string {
  const escaped = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
  return escaped.replace(/`([^`]+)`/g, '<code>$1</code>');
}
