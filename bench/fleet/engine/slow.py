"""Dask's scheduler and worker with long pauses between what they do now and then, where no setting is for it.

They look at themselves up to four times a second, and a worker reports twice a second. That is .4 to .9 % of a
core for each process while something is measured beside it.
"""

from distributed import Scheduler
from distributed.core import Server

PAUSE = 10.0  # seconds, between two reports of a worker too


class SlowScheduler(Scheduler):
    """Workers report every PAUSE seconds, or more often where they are to be missed sooner."""

    async def start_unsafe(self) -> "SlowScheduler":
        await super().start_unsafe()
        slow_down(self)
        return self

    def heartbeat_worker(self, **what: object) -> dict:
        response = super().heartbeat_worker(**what)
        if "heartbeat-interval" in response:
            wanted = min(PAUSE, (self.worker_ttl or PAUSE) / 4)
            response["heartbeat-interval"] = max(wanted, response["heartbeat-interval"])  # Dask's, among thousands
        return response


def slow_down(server: Server) -> None:
    """All but a worker's reports, whose pauses are the scheduler's to say."""
    for name, callback in server.periodic_callbacks.items():
        if name != "heartbeat":
            callback.callback_time = max(callback.callback_time, PAUSE * 1000)
