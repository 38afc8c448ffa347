"""A server that does what RabbitMQ's tutorial 6 does, with kombu. Ours, not its documentation's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where; TUTORIAL says which tutorial: `older` declares the queue non-durable, `today` as a durable
quorum queue. The reply is JSON, as kombu sends a number.
"""
import os

from kombu import Connection, Consumer, Producer, Queue

DECLARATIONS = {
    "older": {"durable": False},
    "today": {"durable": True, "queue_arguments": {"x-queue-type": "quorum"}},
}


def fib(n):
    low, high = 0, 1
    while n > 0:
        low, high, n = high, low + high, n - 1
    return low


def main():
    with Connection(os.environ["AMQP_URL"]) as connection:
        queue = Queue(os.environ["RPC_QUEUE"], **DECLARATIONS[os.environ["TUTORIAL"]])

        def answer(body, request):
            n = int(body)
            print(f" [.] fib({n})")
            Producer(connection).publish(
                fib(n),
                exchange="",
                routing_key=request.properties["reply_to"],
                correlation_id=request.properties["correlation_id"],
            )
            request.ack()

        with Consumer(connection, [queue], callbacks=[answer], prefetch_count=1):
            print(" [x] Awaiting RPC requests")
            while True:
                connection.drain_events()


main()
