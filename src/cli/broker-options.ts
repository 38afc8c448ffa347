import { parseAmqpUrlList, tlsFor } from '../amqp/url.ts';
import { type OptionValues, option, UsageError } from './option.ts';
import { fileError, type Named, readOptionFile, readTlsFiles, type TlsFiles } from './option-files.ts';
import { text } from './value-parsers.ts';

/**
 * The options that say where the broker is, the same for every program.
 * @param without what is taken without a URL, for `--help`
 */
export function brokerOptions(without: string) {
  return {
    url: option('url URL', parseAmqpUrlList, {
      env: 'AMQP_URL',
      multiple: true,
      secret: true,
      help: `amqp:// or amqps:// URL of the broker, several for a cluster; without one: ${without}`,
    }),
    urlFile: option('url-file FILE', text, {
      env: 'AMQP_URL_FILE',
      help: 'file that holds the URL, such as a Docker secret, instead of --url',
    }),
    ca: option('ca FILE', text, { env: 'AMQP_CA_FILE', help: 'CA certificates (PEM) to trust for amqps://' }),
    cert: option('cert FILE', text, {
      env: 'AMQP_CERT_FILE',
      help: 'certificate (PEM, with its chain) to show to an amqps:// broker that asks for one',
    }),
    key: option('key FILE', text, { env: 'AMQP_KEY_FILE', help: 'private key (PEM) of --cert' }),
    servername: option('servername NAME', text, {
      env: 'AMQP_SERVERNAME',
      help: "name to ask for (SNI) and to find in the certificate of an amqps:// broker, instead of its URL's host",
    }),
  };
}

/** The options that are for `amqps://` alone. */
const tlsOptions = ['ca', 'cert', 'key', 'servername'] as const;

/**
 * Reads the files that the options name; those for `amqps://` only where a URL, or a flag, is.
 * @returns without `urls` where none was given, without `tls` where none is for `amqps://`
 * @throws UsageError that names the option and the file, and shows nothing of its content; also where a flag is for `amqps://` and no URL is
 */
export function readBrokerOptions(
  values: OptionValues<ReturnType<typeof brokerOptions>>,
  env = process.env,
): {
  readonly urls?: readonly string[];
  readonly tls?: TlsFiles & { readonly servername?: string };
} {
  const { url, servername } = values;
  const known = brokerOptions('');
  const named = (name: 'urlFile' | 'ca' | 'cert' | 'key'): Named | undefined => {
    const { env: variable, flag } = known[name];
    const file = values[name];
    return file === undefined ? undefined : { option: file === env[variable] ? variable : `--${flag}`, file };
  };
  const urlFile = named('urlFile');
  if (url && urlFile) {
    throw new UsageError('--url (AMQP_URL) and --url-file (AMQP_URL_FILE): both are given; take one of them');
  }
  const urls = urlFile ? readUrlFile(urlFile) : url;
  const plain = !tlsFor(urls ?? [], true);
  // what a variable gives may be meant for another program's URL
  const idle = plain && tlsOptions.find((name) => values[name] !== undefined && values[name] !== env[known[name].env]);
  if (plain && !idle) return { ...(urls && { urls }) };
  const files = readTlsFiles({ ca: named('ca'), cert: named('cert'), key: named('key') });
  // a file that can't be read is told first: it is wrong with any URL
  if (idle) throw new UsageError(`--${idle} is for amqps://, and no URL is: write amqps://, or leave --${idle} out`);
  const tls = servername === undefined ? files : { ...files, servername };
  return { ...(urls && { urls }), ...(tls && { tls }) };
}

function readUrlFile(named: Named): string[] {
  const content = readOptionFile(named).toString();
  try {
    return parseAmqpUrlList(content);
  } catch (error) {
    throw fileError(named, `expected ${error instanceof Error ? error.message : error}`);
  }
}

/** The choice of a measuring program's broker. */
interface BrokerChoice {
  /** Of `--url`, or of AMQP_URL. */
  readonly url: readonly string[] | undefined;
  readonly rabbitmq?: string | undefined;
  readonly nodes?: number | undefined;
}

/**
 * The environment by which a broker is found: `--url` goes before the variables.
 * @throws UsageError if a broker is named although one of our own is asked for
 */
export function brokerEnv({ url, rabbitmq, nodes }: BrokerChoice, env = process.env): NodeJS.ProcessEnv {
  const named = url !== undefined || Boolean(env.AMQP_URL_FILE);
  if (named && (rabbitmq !== undefined || nodes !== undefined)) {
    const own = rabbitmq === undefined ? '--nodes' : '--rabbitmq';
    throw new UsageError(
      `${own} starts a broker of our own: leave out either it, or --url, AMQP_URL and AMQP_URL_FILE`,
    );
  }
  const isFlag = url !== undefined && url.join(',') !== env.AMQP_URL;
  return isFlag ? { ...env, AMQP_URL: url.join(','), AMQP_URL_FILE: '' } : env;
}
