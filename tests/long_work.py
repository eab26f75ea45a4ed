"""Work that nobody will wait for, for the tests of what then becomes of it."""

import asyncio


class LongWork:
    """Takes a minute, and notes when it is cancelled before."""

    def __init__(self) -> None:
        self.cancelled = False

    async def run(self, *_: object) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return b""
