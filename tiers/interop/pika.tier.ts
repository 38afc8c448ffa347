import '../../test-helpers/watchdog.ts';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { interopSuite } from './suite.ts';

// `python3` on PATH may be one of pyenv's, which doesn't see Debian's packages
const python = ['/usr/bin/python3', 'python3'].find(
  (file) => spawnSync(file, ['-c', 'import pika'], { stdio: 'ignore' }).status === 0,
);

// -u: Python holds back what it prints into a pipe
const run = (program: string) => ({
  file: python ?? 'python3',
  args: ['-u', path.resolve('tiers/interop/pika', program)],
});

interopSuite({
  name: 'pika (Python)',
  missing: python ? undefined : 'no Python that can import pika: apt-get install python3-pika',
  calls: [{ args: [], answer: '832040' }],
  client: () => run('rpc_client.py'),
  server: (tutorial) => ({ ...run('rpc_server.py'), env: { TUTORIAL: tutorial } }),
});
