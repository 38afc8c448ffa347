<?php
// A client that does on the wire what RabbitMQ's tutorial 6 does with php-amqplib. Ours, not the tutorial's text: see ../README.md.
//
// AMQP_URL and RPC_QUEUE say where. It asks for fib(30), as the tutorial does.
require $argv[1];

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;

$url = parse_url(getenv('AMQP_URL'));
$connection = new AMQPStreamConnection(
    $url['host'],
    $url['port'] ?? 5672,
    urldecode($url['user'] ?? 'guest'),
    urldecode($url['pass'] ?? 'guest'),
    urldecode(substr($url['path'] ?? '', 1)) ?: '/'
);
$channel = $connection->channel();
// a callback queue of this connection's own, named by the server
[$callback] = $channel->queue_declare('', false, false, true, false);
$wanted = uniqid();
$reply = null;
$channel->basic_consume($callback, '', false, true, false, false, function ($message) use ($wanted, &$reply) {
    if ($message->get('correlation_id') === $wanted) {
        $reply = $message->body;
    }
});

echo " [x] Requesting fib(30)\n";
$request = new AMQPMessage('30', ['correlation_id' => $wanted, 'reply_to' => $callback]);
$channel->basic_publish($request, '', getenv('RPC_QUEUE'));
while ($reply === null) {
    $channel->wait();
}
// as in the tutorial: any reply is taken for a number
echo ' [.] Got ', intval($reply), "\n";
$connection->close();
