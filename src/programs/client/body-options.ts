import type { Readable } from 'node:stream';
import { readOptionFile } from '../../cli/option-files.ts';
import type { OptionValues } from '../../cli/option-table.ts';
import { UsageError } from '../../cli/usage-error.ts';
import { text, type ValueParser } from '../../cli/value-parsers.ts';

/** As the wire contract has it: a type, a subtype, and parameters if there are any, in 255 characters of ASCII. */
const contentType: ValueParser<string> = (value) => {
  if (/^(?=.{3,255}$)[\w.+-]+\/[\w.+-]+(?:\s*;[ -~]*)?$/.test(value)) return value;
  throw new Error('a content type such as application/json');
};

/** The options by which the client calls any function: one request, as it is. */
export const bodyOptions = {
  body: {
    flag: 'body',
    type: 'string',
    placeholder: 'TEXT',
    parse: (value: string) => value,
    help: 'send this, to whatever function the worker serves, and print the reply as it is',
  },
  bodyFile: {
    flag: 'body-file',
    type: 'string',
    placeholder: 'FILE',
    parse: text,
    help: 'the same with the content of a file; - for stdin',
  },
  contentType: {
    flag: 'content-type',
    type: 'string',
    placeholder: 'TYPE',
    parse: contentType,
    help: 'what the body is; text/plain without it',
  },
} as const;

/** A request of any function. */
export interface BodyRequest {
  readonly body: Buffer;
  readonly contentType: string;
}

/**
 * The request that `--body` or `--body-file` gives; undefined without either.
 * @param args what the command line holds besides options
 * @throws UsageError if there is more than one thing to send, or the file can't be read
 */
export async function readBodyRequest(
  values: OptionValues<typeof bodyOptions>,
  args: readonly string[],
  stdin: () => Readable,
): Promise<BodyRequest | undefined> {
  const { body, bodyFile, contentType = 'text/plain' } = values;
  if (body === undefined && bodyFile === undefined) {
    if (values.contentType !== undefined) throw new UsageError('--content-type needs --body or --body-file');
    return undefined;
  }
  if (body !== undefined && bodyFile !== undefined) throw new UsageError('--body and --body-file: take one of them');
  if (args.length > 0) {
    throw new UsageError(`${body === undefined ? '--body-file' : '--body'} is the whole request: take it, or n`);
  }
  if (body !== undefined) return { body: Buffer.from(body), contentType };
  if (bodyFile === '-') return { body: Buffer.concat(await stdin().toArray()), contentType };
  return { body: readOptionFile({ option: '--body-file', file: bodyFile ?? '' }), contentType };
}
