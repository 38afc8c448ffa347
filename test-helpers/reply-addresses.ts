/** An address that looks like one of Direct Reply-To, of a channel on a node that never was. */
export function addressOnDeadNode(n = 7): string {
  const node = Buffer.from('reply@12345678');
  const id = Buffer.alloc(12, 1);
  id.writeUInt32BE(n);
  const pid = Buffer.concat([Buffer.from([131, 88, 118, 0, node.length]), node, id]);
  return `amq.rabbitmq.reply-to.${pid.toString('base64')}.${Buffer.alloc(16, 1).toString('base64')}`;
}

const valid = addressOnDeadNode();

/** Addresses of Direct Reply-To that no broker hands out. */
export const malformedAddresses: readonly string[] = [
  'amq.rabbitmq.reply-to.',
  'amq.rabbitmq.reply-to.a.b',
  'amq.rabbitmq.reply-to..',
  'amq.rabbitmq.reply-to.AAAA.AAAA',
  `amq.rabbitmq.reply-to.${Buffer.from('no erlang term at all, no').toString('base64')}.${'A'.repeat(22)}==`,
  `${valid}.more`,
  valid.slice(0, -1),
  valid.replace('reply-to.', 'reply-to.AAAA'),
  `${valid.slice(0, 30)}\u0000${valid.slice(31)}`,
];
