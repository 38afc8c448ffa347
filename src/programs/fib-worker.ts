// The package's program `fib-worker`: the worker that serves Fibonacci numbers, and what builds one of a function of one's own.
const [, , command, ...args] = process.argv;

if (command === 'build') {
  const { build } = await import('./build/build.ts');
  await build(args, import.meta.dirname);
} else {
  const { runWorker } = await import('./worker/run.ts');
  runWorker({
    usage: 'fib-worker [options]\n       fib-worker build FILE … --outfile FILE   (see fib-worker build --help)',
    script: import.meta.filename,
    modules: [{ load: () => import('../fibonacci.ts') }],
  });
}
