import '../../test-helpers/watchdog.ts';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { amqpUrl } from '../../test-helpers/broker.ts';
import { checkout, folderWith } from '../../test-helpers/own-function.ts';
import { cleanUp, uniqueQueue } from '../../test-helpers/programs.ts';
import { until } from '../../test-helpers/rpc.ts';

/** A command of the document, and the lines that it shows below it. */
interface Step {
  readonly command: string;
  readonly shown: string;
}

function stepsOf(document: string): Step[] {
  const blocks = [...document.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...shown] = step.split('\n');
      return { command, shown: shown.join('\n') };
    });
}

/** A checkout of this test's own, as it is after `npm ci && npm run build`. */
function freshCheckout(t: TestContext): string {
  const folder = folderWith(t, {});
  for (const name of ['package.json', 'templates', 'dist']) {
    cpSync(path.join(checkout, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(realpathSync(path.join(checkout, 'node_modules')), path.join(folder, 'node_modules'));
  return folder;
}

describe('docs/your-function.md', () => {
  const document = readFileSync(path.join(checkout, 'docs/your-function.md'), 'utf8');

  it('shows the template as it is', () => {
    const template = readFileSync(path.join(checkout, 'templates/my-function.ts'), 'utf8');
    const code = /^```ts\n([\s\S]*?)^```$/m.exec(document)?.[1] ?? '';
    const lines = code.split('\n').filter((line) => line !== '' && !line.includes('…,') && line.trim() !== '…');
    assert.ok(lines.length > 5);
    for (const line of lines) if (!line.includes('…')) assert.ok(template.includes(line), line);
  });

  it('is a walk-through whose every command does what it shows', async (t) => {
    const [install, ...steps] = stepsOf(document);
    assert.equal(install?.command, 'npm ci && npm run build'); // that much every test has behind it
    assert.ok(steps.length >= 7, `${steps.length} commands`);
    const cwd = freshCheckout(t);
    const queue = uniqueQueue(t);
    const run = (command: string) => {
      const child = spawn('sh', ['-c', command.replaceAll('--queue words', `--queue ${queue}`)], {
        cwd,
        env: { PATH: process.env.PATH, HOME: process.env.HOME, AMQP_URL: amqpUrl() },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
      }
      const ended = new Promise<string>((resolve) => child.on('close', () => resolve(said)));
      return { child, ended, said: () => said };
    };
    const codes: (number | null)[] = [];
    for (const { command, shown } of steps) {
      if (command.endsWith(' &')) {
        const worker = run(`exec ${command.slice(0, -2)}`);
        cleanUp(t, () => {
          worker.child.kill('SIGKILL');
          return worker.ended;
        });
        await until(() => worker.said().includes('"consuming"') || worker.child.exitCode !== null);
        continue;
      }
      const { child, ended } = run(command);
      const said = await ended;
      codes.push(child.exitCode);
      assert.equal(said.replace(/"ms":[\d.]+/, '"ms":12.3').replace(/: \d+ kB/, ': 300 kB'), shown, command);
    }
    assert.deepEqual(codes, [0, 0, 0, 0, 0, 3]);
  });
});
