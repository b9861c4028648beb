/** An element with text or further elements; a list is written one after the other. */
export interface Element {
  [name: string]: string | number | boolean | Element | (string | Element)[] | undefined;
}

function toXml(element: Element): string {
  return Object.entries(element)
    .map(([name, content]) => {
      if (content === undefined) return '';
      if (Array.isArray(content)) return content.map((item) => `<${name}>${inside(item)}</${name}>`).join('');
      return `<${name}>${inside(content)}</${name}>`;
    })
    .join('');
}

function inside(content: string | number | boolean | Element): string {
  return typeof content === 'object' ? toXml(content) : escapeText(String(content));
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#xD;');
}

/** A whole document; the namespace is the one that CloudFront's model names. */
export function xmlDocument(root: string, content: Element): string {
  const namespace = 'http://cloudfront.amazonaws.com/doc/2020-05-31/';
  return `<?xml version="1.0"?>\n<${root} xmlns="${namespace}">${toXml(content)}</${root}>`;
}
