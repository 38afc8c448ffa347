import '../../test-helpers/watchdog.ts';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { interopSuite } from './suite.ts';

/** Its place in Debian's package. */
const autoload = '/usr/share/php/PhpAmqpLib/autoload.php';
const installed = existsSync(autoload) && spawnSync('php', ['-v'], { stdio: 'ignore' }).status === 0;
const run = (program: string) => ({
  file: 'php',
  args: ['-d', 'output_buffering=0', path.resolve('tiers/interop/php-amqplib', program), autoload],
});

interopSuite({
  name: 'php-amqplib',
  missing: installed ? undefined : 'no PHP with php-amqplib: apt-get install php-cli php-amqplib',
  calls: [{ args: [], answer: '832040' }],
  client: () => run('rpc_client.php'),
  server: (tutorial) => ({ ...run('rpc_server.php'), env: { TUTORIAL: tutorial } }),
});
