import { put } from '../../../build/one-file.mjs';
import { parseCommandLine } from '../../cli/command-line.ts';
import { option } from '../../cli/option.ts';
import { endWith } from '../../cli/process.ts';
import { text } from '../../cli/value-parsers.ts';
import { version } from '../../cli/version.ts';
import { bundleWorker } from './bundle.ts';
import { checkOutfile, checkSources, notAnInput } from './files.ts';
import { tryOut } from './try-out.ts';

const program = {
  name: 'fib-worker build',
  version,
  usage: 'fib-worker build FILE … --outfile FILE',
  summary:
    "Bundles a worker that serves the functions of these modules, with the packages that they import, into one file. That needs nothing but Node, and takes fib-worker's options.",
  options: {
    outfile: option('outfile FILE', text, { help: 'the file to write, in a folder that is there' }),
  },
  positionals: true,
} as const;

/**
 * Runs `fib-worker build`.
 * @param modules where the package's modules lie
 */
export async function build(argv: readonly string[], modules: string): Promise<void> {
  try {
    const command = parseCommandLine(program, argv);
    if (command.kind === 'print') process.stdout.write(command.text);
    else await makeWorker(checkSources(command.positionals), checkOutfile(command.values.outfile), modules);
  } catch (error) {
    endWith(program.name, error);
  }
}

/** Bundles a worker, and tries it out before it takes the place of an earlier one. */
async function makeWorker(sources: readonly string[], outfile: string, modules: string): Promise<void> {
  const { code, inputs } = await bundleWorker(sources, modules);
  notAnInput(outfile, inputs);
  const doubt = await tryOut(sources, outfile, code);
  await put(outfile, code);
  if (doubt) process.stderr.write(`${program.name}: ${doubt}\n`);
  process.stderr.write(`${outfile}: ${Math.ceil(Buffer.byteLength(code) / 1_000)} kB\n`);
}
