import { readFileSync } from 'node:fs';
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
    ca: {
      flag: 'ca',
      type: 'string',
      placeholder: 'FILE',
      env: 'AMQP_CA_FILE',
      parse: text,
      help: 'CA certificates (PEM) to trust for amqps://',
    },
  } as const;
}

/**
 * The file that an option names.
 * @throws UsageError that names the option, the file and why it can't be read
 */
export function readOptionFile(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${option} ${file}: can't be read (${error instanceof Error ? error.message : error})`);
  }
}
