"""A client that does on the wire what RabbitMQ's tutorial 6 does with pika. Ours, not the tutorial's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where. It asks for fib(30), as the tutorial does.
"""
import os
import uuid

import pika


def call(connection, n):
    channel = connection.channel()
    # a callback queue of this connection's own, named by the server
    callback = channel.queue_declare("", exclusive=True).method.queue
    wanted = str(uuid.uuid4())
    replies = []

    def collect(_channel, _delivery, properties, body):
        if properties.correlation_id == wanted:
            replies.append(body)

    channel.basic_consume(callback, collect, auto_ack=True)
    request = pika.BasicProperties(reply_to=callback, correlation_id=wanted)
    channel.basic_publish("", os.environ["RPC_QUEUE"], str(n), request)
    while not replies:
        connection.process_data_events(time_limit=None)
    # as in the tutorial: any reply is taken for a number
    return int(replies[0])


def main():
    with pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"])) as connection:
        print(" [x] Requesting fib(30)")
        print(f" [.] Got {call(connection, 30)}")


main()
