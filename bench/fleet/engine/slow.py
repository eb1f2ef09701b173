"""Dask's scheduler and worker with long pauses between what they do now and then, where no setting is for it.

They look at themselves up to four times a second, and a worker reports twice a second. That is .4 to .9 % of a
core for each process while something is measured beside it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.core import Server

PAUSE = 10.0  # seconds, between two reports of a worker too


@cache
def slow_scheduler() -> type[Scheduler]:
    """Dask's, whose workers report every PAUSE seconds, or more often where they are to be missed sooner."""
    from distributed import Scheduler

    class SlowScheduler(Scheduler):
        async def start_unsafe(self) -> SlowScheduler:
            await super().start_unsafe()
            slow_down(self)
            return self

        def heartbeat_worker(self, **what: object) -> dict:
            response = super().heartbeat_worker(**what)
            if "heartbeat-interval" in response:
                wanted = min(PAUSE, (self.worker_ttl or PAUSE) / 4)
                # Dask's own is longer among thousands of workers.
                response["heartbeat-interval"] = max(wanted, response["heartbeat-interval"])
            return response

    return SlowScheduler


def slow_down(server: Server) -> None:
    """All but a worker's reports, whose pauses are the scheduler's to say."""
    for name, callback in server.periodic_callbacks.items():
        if name != "heartbeat":
            callback.callback_time = max(callback.callback_time, PAUSE * 1000)
