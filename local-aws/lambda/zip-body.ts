import type { BodyReader } from '../listener.ts';
import { startZip } from './zip.ts';

/** The calls whose body may hold a package. */
export function zipBodyReader(method: string, path: string): BodyReader | undefined {
  const isUpdate = method === 'PUT' && /^\/2015-03-31\/functions\/[^/]+\/code\/?$/.test(path);
  const isCreation = method === 'POST' && /^\/2015-03-31\/functions\/?$/.test(path);
  return isUpdate || isCreation ? readZipBody() : undefined;
}

const KEY = /"ZipFile"\s*:\s*"/;
/** More than the key can be split over. */
const KEY_BYTES = 64;
const QUOTE = 0x22;

/**
 * A JSON body in which the value of `ZipFile`, up to 70 MB of base64, is decoded and hashed while it arrives; held is only
 * a small one. The summary takes its place, as an object.
 */
function readZipBody(): BodyReader {
  const zip = startZip();
  const held: Buffer[] = [];
  let part: 'before' | 'package' | 'after' = 'before';
  let rest = '';

  /** Decodes what is complete, and keeps an incomplete escape or group of four for the next chunk. */
  function decode(text: string): void {
    rest += text;
    const cut = /\\(?:u[0-9a-f]{0,3})?$/i.exec(rest)?.index ?? rest.length;
    const plain = unescaped(rest.slice(0, cut));
    const whole = plain.length - (plain.length % 4);
    zip.write(Buffer.from(plain.slice(0, whole), 'base64'));
    rest = plain.slice(whole) + rest.slice(cut);
  }

  function seek(chunk: Buffer): void {
    const before = held.pop() ?? Buffer.alloc(0);
    const overlap = before.subarray(Math.max(0, before.length - KEY_BYTES));
    const window = Buffer.concat([overlap, chunk]);
    const found = KEY.exec(window.toString('latin1'));
    held.push(before.subarray(0, before.length - overlap.length));
    if (found === null) {
      held.push(window);
      return;
    }
    const start = found.index + found[0].length;
    held.push(window.subarray(0, start - 1));
    part = 'package';
    take(window.subarray(start));
  }

  function take(chunk: Buffer): void {
    const end = chunk.indexOf(QUOTE);
    decode(chunk.toString('latin1', 0, end === -1 ? chunk.length : end));
    if (end === -1) return;
    zip.write(Buffer.from(rest, 'base64'));
    held.push(Buffer.from(JSON.stringify(zip.end())), chunk.subarray(end + 1));
    part = 'after';
  }

  return {
    write: (chunk) => {
      if (part === 'before') seek(chunk);
      else if (part === 'package') take(chunk);
      else held.push(chunk);
    },
    end: () => Buffer.concat(held),
  };
}

/** Some clients write `/` as `\/`, or what HTML minds as `\u002b`. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text
    .replace(/\\u([0-9a-f]{4})/gi, (_match, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll('\\', '');
}
