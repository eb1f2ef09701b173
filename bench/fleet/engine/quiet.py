"""Dask's settings: its processes hardly run while something is measured beside them, and a failure is bounded.

By default an idle scheduler takes 1.8 % of a core and a worker 3.3 %.
"""

TRIES = 2  # how often blocks are begun together before each is tried alone, and then each of them


def settings(lost_after: float) -> dict[str, object]:
    """As `dask.config.set` takes them.

    Args:
        lost_after: seconds without a sign of a worker after which its work is given to another.
    """
    return {
        "distributed.worker.profile.enabled": False,
        "distributed.worker.memory.monitor-interval": "1 hour",
        "distributed.admin.tick.interval": "60 s",
        "distributed.admin.tick.limit": "1 hour",
        "distributed.admin.tick.cycle": "60 s",
        "distributed.admin.system-monitor.interval": "60 s",
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.admin.system-monitor.disk": False,
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.active-memory-manager.start": False,
        "distributed.scheduler.worker-saturation": 1.0,  # a task waits at the scheduler until a machine is free
        "distributed.scheduler.allowed-failures": TRIES - 1,
        "distributed.scheduler.worker-ttl": f"{lost_after} s",
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.client.heartbeat": "60 s",
        "distributed.client.scheduler-info-interval": "60 s",
        "logging": dict.fromkeys(("distributed", "tornado", "asyncio"), "critical"),
    }


def apply(lost_after: float = 300.0) -> None:
    """Has to be called before `distributed` is imported, which reads some of them at once."""
    import dask

    dask.config.set(settings(lost_after))
