import { cpSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../test-helpers/own-function.ts';
import { Project, type Tarball } from './project.ts';

/** examples/price-worker in a folder of its own, with the package installed from its tarball, and its worker built. */
export async function priceWorker(t: { after(end: () => void): void }, tarball: Tarball): Promise<Project> {
  const project = new Project();
  t.after(() => project.remove());
  cpSync(path.join(checkout, 'examples/price-worker'), project.folder, { recursive: true });
  cpSync(tarball.file, project.at(path.basename(tarball.file)));
  await project.must('npm', 'install', '--no-audit', '--no-fund');
  await project.must('npm', 'run', 'build');
  return project;
}
