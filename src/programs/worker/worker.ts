import { runWorker } from './run.ts';

runWorker({
  usage: 'node worker.js [options]',
  script: import.meta.filename,
  modules: [{ load: () => import('../../fibonacci.ts') }],
});
