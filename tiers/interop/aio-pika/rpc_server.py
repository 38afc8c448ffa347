"""A server that does what RabbitMQ's tutorial 6 does, with aio-pika's connect_robust. Ours, not the tutorial's text: see ../README.md.

AMQP_URL and RPC_QUEUE say where; TUTORIAL says which tutorial: `older` declares the queue non-durable, `today` as a durable
quorum queue.
"""
import asyncio
import os

import aio_pika

DECLARATIONS = {
    "older": {},
    "today": {"durable": True, "arguments": {"x-queue-type": "quorum"}},
}


def fib(n):
    low, high = 0, 1
    while n > 0:
        low, high, n = high, low + high, n - 1
    return low


async def main():
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await channel.declare_queue(os.environ["RPC_QUEUE"], **DECLARATIONS[os.environ["TUTORIAL"]])
        async with queue.iterator() as requests:
            print(" [x] Awaiting RPC requests")
            async for request in requests:
                async with request.process(requeue=False):
                    n = int(request.body)
                    print(f" [.] fib({n})")
                    reply = aio_pika.Message(str(fib(n)).encode(), correlation_id=request.correlation_id)
                    await channel.default_exchange.publish(reply, routing_key=request.reply_to)


asyncio.run(main())
