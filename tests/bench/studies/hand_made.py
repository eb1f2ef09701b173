"""A study that measures nothing."""

from bench.studies.engine.jobs import Job, Study, Workplace


def count(workplace: Workplace) -> dict:
    """Its setting, and one more where it needs another job."""
    before = [workplace.tables_of(name)["numbers"][0]["value"] for name in workplace.job.needs]
    return {"numbers": [{"value": workplace.settings["size"] + sum(before)}]}


def job(name: str, size: int = 1, **more) -> Job:
    return Job("counting", name, f"count {name}", count, settings={"size": size}, **more)


FIRST = job("first")
LATER = job("later", rank=1, needs=("first",))
ALONE = job("alone", rank=2, alone=True)
FAILS = job("fails")
BLOCKED = job("blocked", needs=("fails",))
BLOCKED_TOO = job("blocked-too", needs=("blocked",))
ENDLESS = job("endless")
BY_NAME = {one.name: one for one in (FIRST, LATER, ALONE, FAILS, BLOCKED, BLOCKED_TOO, ENDLESS)}
STUDY = Study("counting", "0000.00001", lambda small: [ALONE, LATER, FIRST])
