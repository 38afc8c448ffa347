"""A client that does what RabbitMQ's tutorial 6 does, with kombu. Ours, not its documentation's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where. It asks for fib(30), as the tutorial does. The number goes out as kombu sends one, in JSON.
"""
import os

from kombu import Connection, Consumer, Producer, Queue
from kombu.utils.uuid import uuid


def call(connection, n):
    # a callback queue of this connection's own; kombu can't let the server name it, so that it is called by a UUID
    callback = Queue(uuid(), exclusive=True, auto_delete=True)
    wanted = uuid()
    replies = []

    def collect(body, message):
        if message.properties.get("correlation_id") == wanted:
            replies.append(body)

    with Consumer(connection, [callback], on_message=None, callbacks=[collect], no_ack=True):
        Producer(connection).publish(
            n,
            exchange="",
            routing_key=os.environ["RPC_QUEUE"],
            reply_to=callback.name,
            correlation_id=wanted,
        )
        while not replies:
            connection.drain_events()
    # as in the tutorial: any reply is taken for a number
    return int(replies[0])


def main():
    with Connection(os.environ["AMQP_URL"]) as connection:
        print(" [x] Requesting fib(30)")
        print(f" [.] Got {call(connection, 30)}")


main()
