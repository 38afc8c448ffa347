import http from 'node:http';
import { errorCode } from '../protocol/errors.ts';

/** The library that talks to engines. */
export type Testcontainers = typeof import('testcontainers');

/** An engine that answered. */
export type Engine = Awaited<ReturnType<Testcontainers['getContainerRuntimeClient']>>;

/** Where an engine listens unless DOCKER_HOST says otherwise. */
const USUAL_HOST = 'unix:///var/run/docker.sock';
/** How long an engine may take to say that it is there, in ms. */
const PING_LIMIT = 5_000;

/**
 * Finds a Docker engine, or what testcontainers takes for one. Undefined if there is none, or no testcontainers.
 *
 * @param usualHost where to look without a DOCKER_HOST; default `unix:///var/run/docker.sock`
 * @throws an Error of one line if one is named (DOCKER_HOST), or its socket is there, and it does not answer
 */
export async function findEngine(
  env: NodeJS.ProcessEnv = process.env,
  usualHost = USUAL_HOST,
): Promise<{ readonly library: Testcontainers; readonly engine: Engine } | undefined> {
  // a development dependency: not there beside a bundle that was copied away
  const library = await import('testcontainers').catch(() => undefined);
  if (!library) return undefined;
  const named = env.DOCKER_HOST;
  const problem = await ping(named ?? usualHost, env);
  if (problem === 'EACCES')
    throw new Error(
      `the Docker engine at ${named ?? usualHost} is not for this user (EACCES): see Docker's group 'docker'`,
    );
  if (problem !== undefined && (named !== undefined || problem !== 'ENOENT'))
    throw new Error(
      `no Docker engine answers at ${named ?? usualHost} (${problem})${named ? ': see DOCKER_HOST' : ''}`,
    );
  const engine = await library.getContainerRuntimeClient().catch(() => undefined);
  return engine && { library, engine };
}

/** What is wrong with the engine there; undefined if nothing, or if only testcontainers can tell. It would wait for ever. */
function ping(host: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const target = URL.canParse(host) ? new URL(host) : undefined;
  const plain = target?.protocol === 'unix:' || (target?.protocol === 'tcp:' && !env.DOCKER_TLS_VERIFY);
  if (!target || !plain) return Promise.resolve(undefined);
  const address =
    target.protocol === 'unix:'
      ? { socketPath: target.pathname }
      : { host: target.hostname, port: target.port || 2375 };
  return new Promise((resolve) => {
    // https://docs.docker.com/reference/api/engine/: "a dummy endpoint you can use to test if the server is accessible"
    const request = http.get({ ...address, path: '/_ping', agent: false }, (response) => {
      resolve(response.statusCode === 200 ? undefined : `it answers ${response.statusCode}`);
      request.destroy();
    });
    request.setTimeout(PING_LIMIT, () => request.destroy(new Error(`no answer within ${PING_LIMIT / 1_000} s`)));
    request.on('error', (error) => resolve(errorCode(error) ?? error.message));
  });
}
