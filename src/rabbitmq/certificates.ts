import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

// X.509 certificates written by hand, so that nobody needs openssl: RFC 5280, in DER (ITU-T X.690).

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of our own. */
export interface Authority {
  /** Its own certificate, as PEM. */
  readonly ca: string;
  /** Makes a certificate for these DNS names and IPv4 addresses, valid for a day; a client's as well as a server's. */
  issue(...names: string[]): Certificate;
  /** The same, but it was valid until a minute ago. */
  issueExpired(...names: string[]): Certificate;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const DAY = 86_400_000;

const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OBJECT_IDENTIFIER, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(OBJECT_IDENTIFIER, Buffer.from('550403', 'hex'));
const BASIC_CONSTRAINTS = der(OBJECT_IDENTIFIER, Buffer.from('551d13', 'hex'));
const SUBJECT_ALT_NAME = der(OBJECT_IDENTIFIER, Buffer.from('551d11', 'hex'));
const TRUE = Buffer.from('0101ff', 'hex');
const VERSION_3 = Buffer.from('a003020102', 'hex');

/** Makes a certificate authority, valid for a day. */
export function createAuthority(name = 'fib-worker CA'): Authority {
  const { publicKey, privateKey } = newKeys();
  const isCa = der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(OCTET_STRING, der(SEQUENCE, TRUE)));
  const validUntil = Date.now() + DAY;
  const ca = certificate({
    issuer: name,
    subject: name,
    publicKey,
    signer: privateKey,
    extensions: [isCa],
    validUntil,
  });
  const issue = (names: readonly string[], validUntil: number): Certificate => {
    const holder = newKeys();
    const altNames = der(SEQUENCE, ...names.map(generalName));
    const extensions = [der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, altNames))];
    const subject = names[0] ?? 'nobody';
    const parts = { issuer: name, subject, publicKey: holder.publicKey, signer: privateKey, extensions, validUntil };
    return { cert: certificate(parts), key: String(holder.privateKey.export({ type: 'pkcs8', format: 'pem' })) };
  };
  return {
    ca,
    issue: (...names) => issue(names, Date.now() + DAY),
    issueExpired: (...names) => issue(names, Date.now() - 60_000),
  };
}

function newKeys(): { publicKey: Buffer; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKey, privateKey: createPrivateKey(privateKey) };
}

function certificate(parts: {
  issuer: string;
  subject: string;
  publicKey: Buffer;
  signer: KeyObject;
  extensions: readonly Buffer[];
  validUntil: number;
}): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40; // positive, and not padded
  const toBeSigned = der(
    SEQUENCE,
    VERSION_3,
    der(INTEGER, serial),
    ECDSA_WITH_SHA256,
    distinguishedName(parts.issuer),
    der(SEQUENCE, time(Date.now() - DAY), time(parts.validUntil)),
    distinguishedName(parts.subject),
    parts.publicKey,
    der(0xa3, der(SEQUENCE, ...parts.extensions)),
  );
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', toBeSigned, parts.signer));
  const base64 = der(SEQUENCE, toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}

function distinguishedName(name: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(name)))));
}

function generalName(name: string): Buffer {
  return isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\D/g, '').slice(2, 14);
  return der(UTC_TIME, Buffer.from(`${digits}Z`));
}

/** A tag, the length of what follows, and that. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
