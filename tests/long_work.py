"""Slow work, for tests of its cancellation when the client has gone."""

import asyncio


class LongWork:
    """Takes a minute, and records its cancellation."""

    def __init__(self) -> None:
        self.cancelled = False

    async def run(self, *_: object) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return b""
