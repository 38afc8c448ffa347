import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import path from 'node:path';

/** As many links as Linux follows. */
const MAX_LINKS = 40;

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Why another user of this machine may have made what lies at a path, or may change it; undefined if only root and this user
 * can. What is run, or says what is run, must be trusted.
 *
 * Each part of the path must be root's or this user's, and nobody else's to write to. Links are looked at before what they lead
 * to, for the maker of a link chose what is found behind it. In a folder such as `/tmp`, where anybody may make entries but
 * everybody may only remove his own (sticky), the entry's owner tells.
 *
 * @param options.shared whether the path itself may be such a folder; default: no
 */
export function whyUntrusted(file: string, { shared = false } = {}): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined; // Windows: none of this is known
  let at = '/';
  let left = parts(path.resolve(file));
  for (let links = 0; ; ) {
    const entry = look(at);
    if (typeof entry === 'string') return `${at}: ${entry}`;
    if (entry.uid !== 0 && entry.uid !== uid) return `${at} belongs to another user (uid ${entry.uid})`;
    if (entry.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) return `${file}: too many links`;
      left = [...parts(path.resolve(path.dirname(at), readlinkSync(at))), ...left];
      at = '/';
      continue;
    }
    const sticky = entry.isDirectory() && (entry.mode & STICKY) !== 0 && (left.length > 0 || shared);
    if ((entry.mode & OTHERS_WRITE) !== 0 && !sticky)
      return `others may write to ${at} (mode ${(entry.mode & 0o7777).toString(8)}): chmod go-w`;
    const next = left.shift();
    if (next === undefined) return undefined;
    at = path.join(at, next);
  }
}

function parts(file: string): string[] {
  return file.split(path.sep).filter(Boolean);
}

function look(file: string): Stats | string {
  try {
    return lstatSync(file);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
