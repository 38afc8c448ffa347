import { fileError, readOptionFile, readTlsFiles, type TlsFiles } from './option-files.ts';
import { UsageError } from './usage-error.ts';
import { text, type ValueParser } from './value-parsers.ts';

/**
 * The options that say where the broker is, the same for every program.
 * @param parseUrls makes URLs of a comma-separated list
 * @param without what is taken without a URL, for `--help`
 */
export function brokerOptions(parseUrls: ValueParser<string[]>, without: string) {
  return {
    url: {
      flag: 'url',
      type: 'string',
      placeholder: 'URL',
      env: 'AMQP_URL',
      multiple: true,
      secret: true,
      parse: parseUrls,
      help: `amqp:// or amqps:// URL of the broker, several for a cluster; without one: ${without}`,
    },
    urlFile: {
      flag: 'url-file',
      type: 'string',
      placeholder: 'FILE',
      env: 'AMQP_URL_FILE',
      parse: text,
      help: 'file that holds the URL, such as a Docker secret, instead of --url',
    },
    ca: {
      flag: 'ca',
      type: 'string',
      placeholder: 'FILE',
      env: 'AMQP_CA_FILE',
      parse: text,
      help: 'CA certificates (PEM) to trust for amqps://',
    },
    cert: {
      flag: 'cert',
      type: 'string',
      placeholder: 'FILE',
      env: 'AMQP_CERT_FILE',
      parse: text,
      help: 'certificate (PEM, with its chain) to show to an amqps:// broker that asks for one',
    },
    key: {
      flag: 'key',
      type: 'string',
      placeholder: 'FILE',
      env: 'AMQP_KEY_FILE',
      parse: text,
      help: 'private key (PEM) of --cert',
    },
  } as const;
}

/** The values of {@link brokerOptions}. */
interface BrokerValues {
  readonly url: readonly string[] | undefined;
  readonly urlFile: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * Reads the files that the options name.
 * @param parseUrls as for {@link brokerOptions}
 * @returns without `urls` where none was given
 * @throws UsageError that names the option and the file, and shows nothing of its content
 */
export function readBrokerOptions(
  values: BrokerValues,
  parseUrls: ValueParser<string[]>,
): { readonly urls?: readonly string[]; readonly tls?: TlsFiles } {
  const { url, urlFile, ca, cert, key } = values;
  if (url && urlFile !== undefined) {
    throw new UsageError('--url (AMQP_URL) and --url-file (AMQP_URL_FILE): both are given; take one of them');
  }
  const urls = urlFile === undefined ? url : readUrlFile(urlFile, parseUrls);
  const tls = readTlsFiles({ ca, cert, key });
  return { ...(urls && { urls }), ...(tls && { tls }) };
}

function readUrlFile(file: string, parseUrls: ValueParser<string[]>): string[] {
  const named = { option: '--url-file', file };
  const content = readOptionFile(named).toString().trim(); // files mostly end with a line end
  // a line end inside would be dropped by the URL parser, and make one URL of two
  if (/[\r\n]/.test(content)) throw fileError(named, 'expected one line, with commas between several URLs');
  try {
    return parseUrls(content);
  } catch (error) {
    throw fileError(named, `expected ${error instanceof Error ? error.message : error}`);
  }
}
