"""A server that does on the wire what RabbitMQ's tutorial 6 does with pika. Ours, not the tutorial's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where; TUTORIAL says which tutorial: `older` declares the queue non-durable, `today` as a durable
quorum queue.
"""
import os

import pika

DECLARATIONS = {
    "older": {},
    "today": {"durable": True, "arguments": {"x-queue-type": "quorum"}},
}


def fib(n):
    low, high = 0, 1
    while n > 0:
        low, high, n = high, low + high, n - 1
    return low


def answer(channel, delivery, request, body):
    n = int(body)
    print(f" [.] fib({n})")
    # as in the tutorial: the correlation id is the reply's only property
    reply = pika.BasicProperties(correlation_id=request.correlation_id)
    channel.basic_publish("", request.reply_to, str(fib(n)), reply)
    channel.basic_ack(delivery.delivery_tag)


def main():
    queue = os.environ["RPC_QUEUE"]
    with pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])) as connection:
        channel = connection.channel()
        channel.queue_declare(queue, **DECLARATIONS[os.environ["TUTORIAL"]])
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, answer)
        print(" [x] Awaiting RPC requests")
        channel.start_consuming()


main()
