// How bundles reach Node's own modules.
import { isBuiltin } from 'node:module';

/** Resolves what is a module of Node's for the given plugin's namespace, whether it is imported or required. */
function onBuiltin(build, resolve) {
  build.onResolve({ filter: /^[a-z][\w/]*$|^node:/ }, (args) => (isBuiltin(args.path) ? resolve(args) : undefined));
}

const withPrefix = (name) => (name.startsWith('node:') ? name : `node:${name}`);

/**
 * For ES modules: a `require()` of one of Node's modules, as CommonJS packages have it, becomes a static import. Left alone,
 * esbuild makes a call of it that throws `Dynamic require of "net" is not supported`, in our bundle or when a user bundles again.
 */
export const staticBuiltins = {
  name: 'static-builtins',
  setup(build) {
    onBuiltin(build, ({ path, kind }) =>
      kind === 'require-call'
        ? { path: withPrefix(path), namespace: 'static-builtin' }
        : { path: withPrefix(path), external: true, sideEffects: false },
    );
    build.onLoad({ filter: /.*/, namespace: 'static-builtin' }, ({ path }) => ({
      contents: `import builtin from ${JSON.stringify(path)};\nmodule.exports = builtin;\n`,
    }));
  },
};

/**
 * For programs of one file: Node's modules come from `process.getBuiltinModule`. Without `import`, `export` and `require`
 * the file runs as an ES module and as CommonJS, with any package.json in its folder.
 */
export const builtinsByProcess = {
  name: 'builtins-by-process',
  setup(build) {
    onBuiltin(build, ({ path }) => ({ path: withPrefix(path), namespace: 'builtin-by-process', sideEffects: false }));
    build.onLoad({ filter: /.*/, namespace: 'builtin-by-process' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});\n`,
    }));
  },
};
