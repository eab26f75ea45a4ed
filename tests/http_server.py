"""A small HTTP server with scripted responses on a real socket, for tests of clients."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = tuple[float, bytes]  # delay in seconds, and the bytes; empty bytes close the connection
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"


class Script:
    """The requests received so far, and the replies to them."""

    def __init__(self, reply: Callable[[str], Reply]) -> None:
        self.reply = reply
        self.requests: list[tuple[str, bytes]] = []  # request line and body
        self.heads: list[str] = []
        self.connections = 0
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
                body = await reader.readexactly(int(length or 0))
                line = head.partition("\r\n")[0]
                self.requests.append((line, body))
                self.heads.append(head)
                seconds, answer = self.reply(line)
                await asyncio.sleep(seconds)
                if not answer:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def always(answer: bytes, seconds: float = 0) -> Callable[[str], Reply]:
    """Give every request the same reply."""
    return lambda _: (seconds, answer)


@contextmanager
def answering(reply: Callable[[str], Reply]) -> Iterator[Script]:
    """Run a server in a thread until the end of the block; `reply` gets each request line."""
    script, loop = Script(reply), asyncio.new_event_loop()
    started = threading.Event()
    stop: asyncio.Event

    async def serve() -> None:
        nonlocal stop
        stop = asyncio.Event()
        server = await asyncio.start_server(script.talk, "127.0.0.1", 0, backlog=1000)
        script.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield script
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
