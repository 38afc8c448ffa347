import '../../test-helpers/watchdog.ts';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { interopSuite } from './suite.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'fib-worker-interop-go-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const environment = {
  ...process.env,
  // Debian's Go packages are source below /usr/share/gocode, meant for Go as it was before modules
  GO111MODULE: 'off',
  GOPATH: '/usr/share/gocode',
  GOFLAGS: '',
  // needs no C compiler
  CGO_ENABLED: '0',
  // needs no HOME and leaves nothing there
  GOCACHE: path.join(folder, 'cache'),
};
const go = (file: string, ...args: string[]) => spawnSync(file, args, { env: environment, encoding: 'utf8' });

const compiler = ['/usr/bin/go', 'go'].find((file) => go(file, 'list', 'github.com/streadway/amqp').status === 0);

function compile(program: string): void {
  const source = path.resolve('tiers/interop/go', `${program}.go`);
  const { status, error, stderr } = go(compiler ?? 'go', 'build', '-o', path.join(folder, program), source);
  if (status !== 0) throw new Error(`${source} doesn't compile:\n${error ?? ''}${stderr}`);
}

if (compiler) {
  compile('rpc_client');
  compile('rpc_server');
}

interopSuite({
  name: 'Go',
  missing: compiler
    ? undefined
    : 'no Go with streadway/amqp: apt-get install golang-go golang-github-streadway-amqp-dev',
  // 92 is the last that its int holds
  calls: [
    { args: [], answer: '832040' },
    { args: ['30'], answer: '832040' },
    { args: ['92'], answer: '7540113804746346429' },
  ],
  client: (args) => ({ file: path.join(folder, 'rpc_client'), args }),
  server: (tutorial) => ({ file: path.join(folder, 'rpc_server'), args: [], env: { TUTORIAL: tutorial } }),
});
