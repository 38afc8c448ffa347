import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../test-helpers/own-function.ts';
import { until } from '../../test-helpers/rpc.ts';
import type { Project } from './project.ts';

/** A command of a document, and the lines that it shows below it. */
export interface Step {
  readonly command: string;
  readonly shown: string;
}

/** What docs/your-function.md has its readers type, and the module that it has them write. */
export function yourFunction(): { steps: readonly Step[]; source: string } {
  const document = readFileSync(path.join(checkout, 'docs/your-function.md'), 'utf8');
  const blocks = [...document.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');
  const steps = blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...shown] = step.split('\n');
      return { command, shown: shown.join('\n') };
    });
  return { steps, source: /^```ts\n([\s\S]*?)^```$/m.exec(document)?.[1] ?? '' };
}

/** What a command wrote, and its exit code. One that goes on, `&`, is a worker: until it consumes `queues` of them. */
export async function type(project: Project, cwd: string, command: string, url: string, queues = 1) {
  const goesOn = command.endsWith(' &');
  const child: ChildProcess = spawn('sh', ['-c', goesOn ? `exec ${command.slice(0, -2)}` : command], {
    cwd: project.at(cwd),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, AMQP_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (goesOn) await until(() => said.split('"consuming"').length > queues || child.exitCode !== null);
  const end = () => child.kill('SIGKILL');
  return { code: goesOn ? child.exitCode : await ended, said, end };
}
