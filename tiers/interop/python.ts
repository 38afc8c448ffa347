import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Peer } from './suite.ts';

/** The tutorial's programs in Python, in the folder of the library, for Debian's package of it. */
export function pythonPeer(library: string, module: string): Peer {
  // `python3` on PATH may be one of pyenv's, which doesn't see Debian's packages
  const python = ['/usr/bin/python3', 'python3'].find(
    (file) => spawnSync(file, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0,
  );
  // -u: Python holds back what it prints into a pipe
  const run = (program: string) => ({
    file: python ?? 'python3',
    args: ['-u', path.resolve('tiers/interop', library, program)],
  });
  return {
    name: `${library} (Python)`,
    missing: python ? undefined : `no Python that can import ${module}: apt-get install python3-${library}`,
    calls: [{ args: [], answer: '832040' }],
    client: () => run('rpc_client.py'),
    server: (tutorial) => ({ ...run('rpc_server.py'), env: { TUTORIAL: tutorial } }),
  };
}
