/** Why a reply was discarded. The list is open. */
export type DiscardReason =
  /** Its call had ended without it: timed out, aborted, lost its connection. */
  | 'late'
  /** Its call had been answered: a worker died between reply and ack, and another one answered again. */
  | 'duplicate'
  /** The reply carries an id that this client never issued, or none. */
  | 'unknown';

/** How many of the last calls are remembered as answered: a later reply to one of them is a duplicate. */
const REMEMBERED = 1_024;

/** How many characters of an id are its tag: 64 bits. */
const TAG_LENGTH = 11;

/** By the value of six bits, the characters of base64url. */
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');

/**
 * Numbers a client's calls, and makes the correlation id of each: a keyed tag and the number. Nobody without the key can tell
 * one id from another, so who has read a request can't forge the reply to the next; and the client knows its own ids without
 * keeping them.
 */
export class CorrelationIds {
  // Web Crypto, for node:crypto takes some milliseconds to load, which a client that makes one call would notice
  readonly #key = crypto.getRandomValues(new Uint32Array(4));
  #issued = 0;
  /** The numbers of answered calls, each at its remainder: a later one takes the place of an earlier. */
  readonly #answered = new Float64Array(REMEMBERED);

  /** The number of a new call. */
  next(): number {
    return ++this.#issued;
  }

  /** The correlation id of a call. */
  idOf(number: number): string {
    return sipHash(this.#key, number) + number;
  }

  /** Remembers that a call was answered. */
  answered(number: number): void {
    const place = number % REMEMBERED;
    if (number > (this.#answered[place] as number)) this.#answered[place] = number;
  }

  /** The number of the call that the id was issued for; undefined if it was for none. */
  numberOf(id: string | undefined): number | undefined {
    const number = Number(id?.slice(TAG_LENGTH));
    const issued = Number.isInteger(number) && number >= 1 && number <= this.#issued && this.idOf(number) === id;
    return issued ? number : undefined;
  }

  /**
   * Tells late, duplicate and unknown replies apart: those that no call waits for. A second reply that comes {@link REMEMBERED} calls after the first is taken for
   * late; a late one never for a duplicate.
   */
  classify(id: string | undefined): DiscardReason {
    const number = this.numberOf(id);
    if (number === undefined) return 'unknown';
    if (this.#answered[number % REMEMBERED] === number) return 'duplicate';
    this.answered(number); // a further one is its duplicate
    return 'late';
  }
}

/**
 * SipHash-2-4 of a whole number, as eight octets with the lowest first, in base64url.
 * @see https://www.aumasson.jp/siphash/siphash.pdf
 */
export function sipHash(key: Uint32Array, number: number): string {
  const k0 = key[0] as number;
  const k1 = key[1] as number;
  const k2 = key[2] as number;
  const k3 = key[3] as number;
  const low = number >>> 0;
  const high = Math.floor(number / 2 ** 32) >>> 0;
  // four words of 64 bits, in halves of 32
  let a = k0 ^ 0x70736575;
  let A = k1 ^ 0x736f6d65;
  let b = k2 ^ 0x6e646f6d;
  let B = k3 ^ 0x646f7261;
  let c = k0 ^ 0x6e657261;
  let C = k1 ^ 0x6c796765;
  let d = k2 ^ 0x79746573 ^ low;
  let D = k3 ^ 0x74656462 ^ high;
  for (let round = 1; ; round++) {
    // a += b, c += d, b <<<= 13, d <<<= 16, b ^= a, d ^= c, a <<<= 32
    let sum = (a + b) | 0;
    A = (A + B + (((a & b) | ((a | b) & ~sum)) >>> 31)) | 0;
    a = sum;
    sum = (c + d) | 0;
    C = (C + D + (((c & d) | ((c | d) & ~sum)) >>> 31)) | 0;
    c = sum;
    let half = (b << 13) | (B >>> 19);
    B = ((B << 13) | (b >>> 19)) ^ A;
    b = half ^ a;
    half = (d << 16) | (D >>> 16);
    D = ((D << 16) | (d >>> 16)) ^ C;
    d = half ^ c;
    half = a;
    a = A;
    A = half;
    // a += d, c += b, d <<<= 21, b <<<= 17, d ^= a, b ^= c, c <<<= 32
    sum = (a + d) | 0;
    A = (A + D + (((a & d) | ((a | d) & ~sum)) >>> 31)) | 0;
    a = sum;
    sum = (c + b) | 0;
    C = (C + B + (((c & b) | ((c | b) & ~sum)) >>> 31)) | 0;
    c = sum;
    half = (d << 21) | (D >>> 11);
    D = ((D << 21) | (d >>> 11)) ^ A;
    d = half ^ a;
    half = (b << 17) | (B >>> 15);
    B = ((B << 17) | (b >>> 15)) ^ C;
    b = half ^ c;
    half = c;
    c = C;
    C = half;
    if (round === 2) {
      a ^= low;
      A ^= high;
      D ^= 0x08000000; // the last block: the length, and nothing more
    } else if (round === 4) {
      A ^= 0x08000000;
      c ^= 0xff;
    } else if (round === 8) break;
  }
  return base64url(a ^ b ^ c ^ d, A ^ B ^ C ^ D);
}

/** The 64 bits of two halves, the lowest six first: a tag is compared, never decoded. */
function base64url(low: number, high: number): string {
  return String.fromCharCode(
    alphabet[low & 63] as number,
    alphabet[(low >>> 6) & 63] as number,
    alphabet[(low >>> 12) & 63] as number,
    alphabet[(low >>> 18) & 63] as number,
    alphabet[(low >>> 24) & 63] as number,
    alphabet[((low >>> 30) | (high << 2)) & 63] as number,
    alphabet[(high >>> 4) & 63] as number,
    alphabet[(high >>> 10) & 63] as number,
    alphabet[(high >>> 16) & 63] as number,
    alphabet[(high >>> 22) & 63] as number,
    alphabet[high >>> 28] as number,
  );
}
