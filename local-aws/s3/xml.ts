/** Text, or elements one after the other; a name may come up more than once. */
export type Content = string | number | boolean | readonly Element[];
export type Element = readonly [name: string, content: Content];

function toXml([name, content]: Element): string {
  return `<${name}>${typeof content === 'object' ? content.map(toXml).join('') : escapeText(String(content))}</${name}>`;
}

function escapeText(text: string): string {
  if (!/[&<>"\r]/.test(text)) return text;
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function xmlDocument(root: string, content: Content): string {
  const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
  const [, rest] = toXml([root, content]).split(`<${root}>`, 2);
  return `${HEAD}<${root} xmlns="${namespace}">${rest}`;
}

/** Errors have no namespace. */
export function xmlError(content: Content): string {
  return HEAD + toXml(['Error', content]);
}
