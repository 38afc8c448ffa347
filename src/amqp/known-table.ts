import { CANCEL_HEADER } from '../protocol/cancel.ts';
import { encodeTable, type FieldTable } from './field-table.ts';

/** The headers of most requests: each would be written and read anew, at a microsecond or more. */
export const ONLY_CANCEL_HEADER: FieldTable = Object.freeze(
  Object.assign(Object.create(null), { [CANCEL_HEADER]: true }),
);

const encoded = encodeTable(ONLY_CANCEL_HEADER);

/** The octets of a field table, as `encodeTable` makes them. */
export function encodeHeaders(headers: FieldTable): Buffer {
  return headers === ONLY_CANCEL_HEADER ? encoded : encodeTable(headers);
}

/** Whether the octets from `start` to `end` are {@link ONLY_CANCEL_HEADER}. */
export function isOnlyCancelHeader(octets: Buffer, start: number, end: number): boolean {
  if (end - start !== encoded.length) return false;
  for (let index = 0; index < encoded.length; index++) if (octets[start + index] !== encoded[index]) return false;
  return true;
}
