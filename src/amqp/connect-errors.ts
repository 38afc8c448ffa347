import { isIP } from 'node:net';
import { errorCode, RpcError } from '../protocol/errors.ts';
import { harmless } from '../protocol/text.ts';
import { AmqpError } from './amqp-error.ts';
import type { AmqpUrl } from './url.ts';

/** Error codes of a certificate that was not accepted: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE_CODE = /CERT|SIGNATURE|ALTNAME|ISSUER|^HOSTNAME_MISMATCH$/;

/** Alerts by which a broker refuses our certificate, or misses one (a handshake failure in TLS 1.2): RFC 8446, 6.2. */
// OpenSSL 3.5 writes SSL/TLS_ALERT
const CLIENT_CERTIFICATE_CODE = /^ERR_SSL_[\w/]*ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|HANDSHAKE_FAILURE)$/;

/** Error codes of a server that was reached, and is none, or not yet. */
const NO_AMQP_CODES = ['CONN_CLOSE', 'ECONNRESET', 'VERSION_MISMATCH', 'FRAME_ERROR', 'COMMAND_INVALID'];

/** Error codes of limits on this side: open files, ports, buffers. */
const LOCAL_LIMITS = ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS'];

/** Reply codes with which a broker that was reached and understood us may still end a login. */
const REPLY_CODES = ['CONNECTION_FORCED', 'INTERNAL_ERROR', 'RESOURCE_ERROR', 'NOT_IMPLEMENTED', 'SYNTAX_ERROR'];

/** More than RabbitMQ ever says, in UTF-16 units: whoever else listens there may say anything, of any length. */
const MAX_SAID = 500;

/** Explains a failed attempt to connect, and says how to mend it. */
export function explainConnectError(error: Error, url: AmqpUrl): RpcError {
  const place = `${url.hostname.includes(':') ? `[${url.hostname}]` : url.hostname}:${url.port}`;
  const code = errorCode(error) ?? '';
  const said = harmless(error.message, MAX_SAID);
  const cause = said === error.message ? error : new AmqpError(code, said); // who prints an error prints its cause
  const refused = (rpcCode: 'UNAUTHENTICATED' | 'PERMISSION_DENIED', message: string) =>
    new RpcError(rpcCode, message, { reason: 'ACCESS_REFUSED', cause });
  const unreachable = (message: string) => new RpcError('UNAVAILABLE', message, { reason: 'NO_BROKER', cause });

  if (code === 'ACCESS_REFUSED') {
    if (error.message.startsWith('ConnectionOpen')) return refused('PERMISSION_DENIED', vhostRefused(url, place));
    if (url.username === 'guest' && !isLoopback(url.hostname)) {
      return refused(
        'UNAUTHENTICATED',
        `RabbitMQ at ${place} refused the user 'guest' (ACCESS_REFUSED): by default guest may log in from the broker's ` +
          'own host only; create a user (rabbitmqctl add_user, set_permissions) and put it into the URL, or set ' +
          'loopback_users = none on a test broker',
      );
    }
    return refused(
      'UNAUTHENTICATED',
      `RabbitMQ at ${place} refused the user '${url.username}' (ACCESS_REFUSED): wrong user or password; correct the ` +
        "URL or the user (rabbitmqctl authenticate_user); the broker's log has the details",
    );
  }
  if (code === 'NOT_ALLOWED') {
    if (!/limit|maximum/i.test(error.message)) return refused('PERMISSION_DENIED', vhostRefused(url, place));
    const message = `RabbitMQ at ${place} takes no further connection (${said}): close others, or raise the limit`;
    return new RpcError('RESOURCE_EXHAUSTED', message, { reason: 'NO_BROKER', cause });
  }
  if (code === 'INTERNAL_ERROR' && error.message.startsWith('ConnectionOpen')) {
    return unreachable(
      `RabbitMQ at ${place} can't open the virtual host '${url.vhost}' (${said}): its log says why; ` +
        'rabbitmqctl restart_vhost, or restart the broker',
    );
  }
  if (code === 'NO_PLAIN') {
    return refused(
      'UNAUTHENTICATED',
      `RabbitMQ at ${place} does not take a user and password (PLAIN), only ${said}: allow PLAIN there (auth_mechanisms)`,
    );
  }
  if (LOCAL_LIMITS.includes(code)) {
    const message = `no further connection can be made from here (${code}): this process, or this machine, has no file, port or memory left for it; close others, or raise the limit (ulimit -n)`;
    return new RpcError('RESOURCE_EXHAUSTED', message, { reason: 'NO_BROKER', cause });
  }
  if (code === 'ENOTFOUND') return unreachable(`no host is called '${url.hostname}' (${code}): check the URL`);
  if (code === 'EAI_AGAIN') {
    return unreachable(
      `the name '${url.hostname}' can't be looked up (${code}): DNS does not answer, or there is no network`,
    );
  }
  if (CLIENT_CERTIFICATE_CODE.test(code)) {
    return unreachable(
      `${place} did not accept the client certificate, or lack of one (${code}): give one that its CA signed, with its ` +
        'key, and that is valid today',
    );
  }
  if (CERTIFICATE_CODE.test(code)) {
    return unreachable(
      code === 'CERT_HAS_EXPIRED'
        ? `the certificate of ${place} has expired (${code}): renew it there, or set the clock here`
        : `the certificate of ${place} is not accepted (${code}): give the CA that signed it, and the host name it is for`,
    );
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') {
    return unreachable(`${place} does not speak TLS (${code}): amqps:// is for TLS ports, 5671 by default`);
  }
  if (NO_AMQP_CODES.includes(code)) {
    return unreachable(
      `${place} answers, but not as a RabbitMQ would (${said}): check the port (5672 for amqp://, 5671 for ` +
        'amqps://), or wait if it is just starting',
    );
  }
  if (REPLY_CODES.includes(code)) {
    return unreachable(`RabbitMQ at ${place} closed the connection (${said}): its log has more, wait or mend it there`);
  }
  const why = code === 'CONNECTION_TIMEOUT' ? 'no answer in time' : code || said;
  return unreachable(`no RabbitMQ answers at ${place} (${why}): start one there, or give the URL of yours`);
}

function vhostRefused(url: AmqpUrl, place: string): string {
  return (
    `RabbitMQ at ${place} does not let the user '${url.username}' into the virtual host '${url.vhost}': check its name ` +
    '(rabbitmqctl list_vhosts) and the permissions (rabbitmqctl list_permissions)'
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
