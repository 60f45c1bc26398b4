"""One broker in a process of its own, for benchmarks/broker.py: `python benchmarks/broker_server.py ours|stock PORT`.

It prints `ready` and serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

from broker_load import ANSWER

from sim.cloud.broker import AwsBroker
from sim.mqtt.rules import RELAXED
from sim.mqtt.switchboard import EVERYTHING, Request


async def ours(port: int) -> Callable[[], Awaitable[None]]:
    """The embedded broker with a Jobs service that answers at once, as the simulation phase does."""
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> None:
        broker.reply(request.connection, f"{request.topic}/accepted", ANSWER)

    def on_request(request: Request) -> None:
        loop.call_soon(answer, request)

    broker = AwsBroker(on_request, admit=lambda _: EVERYTHING, rules=RELAXED)
    await broker.start("127.0.0.1", port)
    return broker.stop


async def stock(port: int) -> Callable[[], Awaitable[None]]:
    """amqtt as it is installed."""
    from amqtt.broker import Broker

    logging.disable(logging.WARNING)
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": plugins})
    await broker.start()
    return broker.shutdown


async def main(kind: str, port: int) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    stop = await {"ours": ours, "stock": stock}[kind](port)
    print("ready", flush=True)
    await stopping.wait()
    await stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
