import type { KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { redactTyped } from '../amqp/url.ts';
import { printable } from '../protocol/text.ts';
import { UsageError } from './option.ts';

/** Loaded where files are given: it takes some milliseconds, and most programs need none of it. */
const crypto = () => process.getBuiltinModule('node:crypto');

/** Files for `amqps://`, as `tls.connect` takes them. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** A file as it was named: the flag or the variable, and the name. */
export interface Named {
  readonly option: string;
  readonly file: string;
}

/**
 * The file that an option names.
 * @throws UsageError that names the option, the file and why it can't be read
 */
export function readOptionFile(named: Named): Buffer {
  try {
    return readFileSync(named.file);
  } catch (error) {
    // what follows the comma repeats the name, which may be a URL in the wrong place, password and all
    const [why] = (error instanceof Error ? error.message : String(error)).split(', ');
    throw fileError(named, `can't be read (${why})`);
  }
}

/** The UsageError that says what is wrong with a file. */
export function fileError({ option, file }: Named, problem: string): UsageError {
  return new UsageError(`${option} ${printable(redactTyped(file))}: ${problem}`);
}

/**
 * Reads and checks what `--ca`, `--cert` and `--key` name: a wrong file is better noticed now than at a broker.
 * @returns undefined where none is given
 * @throws UsageError that names the option and the file
 */
export function readTlsFiles(files: Readonly<Record<'ca' | 'cert' | 'key', Named | undefined>>): TlsFiles | undefined {
  const { ca, cert, key } = files;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError(
      `${(cert ?? key)?.option} without ${cert ? '--key' : '--cert'}: a client certificate needs both`,
    );
  }
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca !== undefined && { ca: readCertificates(ca).content }),
    ...(cert !== undefined && key !== undefined && readPair(cert, key)),
  };
}

function readPair(certFile: Named, keyFile: Named): { cert: Buffer; key: Buffer } {
  const cert = readCertificates(certFile);
  const key = readOptionFile(keyFile);
  if (!cert.first.checkPrivateKey(privateKey(keyFile, key))) {
    throw fileError(keyFile, `is not the private key of ${certFile.option} ${printable(redactTyped(certFile.file))}`);
  }
  return { cert: cert.content, key };
}

function readCertificates(named: Named): { content: Buffer; first: X509Certificate } {
  const content = readOptionFile(named);
  try {
    if (content.includes('-----BEGIN ')) return { content, first: new (crypto().X509Certificate)(content) };
  } catch {
    // said below
  }
  throw fileError(named, 'expected a certificate in PEM (-----BEGIN CERTIFICATE-----)');
}

function privateKey(named: Named, content: Buffer): KeyObject {
  if (content.includes('ENCRYPTED')) {
    throw fileError(named, 'it is encrypted: give it without a passphrase, readable by this user only');
  }
  try {
    return crypto().createPrivateKey(content);
  } catch {
    throw fileError(named, 'expected a private key in PEM (-----BEGIN PRIVATE KEY-----)');
  }
}
