"""A client that does what RabbitMQ's tutorial 6 does, with aio-pika's connect_robust. Ours, not the tutorial's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where. It asks for fib(30), as the tutorial does.
"""
import asyncio
import os
import uuid

import aio_pika


async def call(connection, n):
    channel = await connection.channel()
    # a callback queue of this connection's own, which the library names itself: a robust connection declares it again
    callback = await channel.declare_queue(exclusive=True)
    reply = asyncio.get_running_loop().create_future()
    wanted = str(uuid.uuid4())

    async def collect(message):
        if message.correlation_id == wanted:
            reply.set_result(message.body)

    await callback.consume(collect, no_ack=True)
    request = aio_pika.Message(
        str(n).encode(), content_type="text/plain", correlation_id=wanted, reply_to=callback.name
    )
    await channel.default_exchange.publish(request, routing_key=os.environ["RPC_QUEUE"])
    # as in the tutorial: any reply is taken for a number
    return int(await reply)


async def main():
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection:
        print(" [x] Requesting fib(30)")
        print(f" [.] Got {await call(connection, 30)}")


asyncio.run(main())
