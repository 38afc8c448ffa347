<?php
// A server that does on the wire what RabbitMQ's tutorial 6 does with php-amqplib. Ours, not the tutorial's text: see ../README.md.
//
// AMQP_URL and RPC_QUEUE say where; TUTORIAL says which tutorial: `older` declares the queue non-durable, `today` as a durable
// quorum queue.
require $argv[1];

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

function fib(int $n): int
{
    for ($low = 0, $high = 1; $n > 0; $n--) {
        [$low, $high] = [$high, $low + $high];
    }
    return $low;
}

$url = parse_url(getenv('AMQP_URL'));
$connection = new AMQPStreamConnection(
    $url['host'],
    $url['port'] ?? 5672,
    urldecode($url['user'] ?? 'guest'),
    urldecode($url['pass'] ?? 'guest'),
    urldecode(substr($url['path'] ?? '', 1)) ?: '/'
);
$channel = $connection->channel();
if (getenv('TUTORIAL') === 'today') {
    $arguments = new AMQPTable(['x-queue-type' => 'quorum']);
    $channel->queue_declare(getenv('RPC_QUEUE'), false, true, false, false, false, $arguments);
} else {
    $channel->queue_declare(getenv('RPC_QUEUE'), false, false, false, false);
}
$channel->basic_qos(0, 1, null);
$channel->basic_consume(getenv('RPC_QUEUE'), '', false, false, false, false, function ($request) {
    $n = intval($request->body);
    echo " [.] fib($n)\n";
    // as in the tutorial: the correlation id is the reply's only property
    $reply = new AMQPMessage((string) fib($n), ['correlation_id' => $request->get('correlation_id')]);
    $request->getChannel()->basic_publish($reply, '', $request->get('reply_to'));
    $request->ack();
});
echo " [x] Awaiting RPC requests\n";
while ($channel->is_open()) {
    $channel->wait();
}
