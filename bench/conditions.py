"""The conditions of a measurement, by the names under which results files hold them.

A measuring process imports this module: the standard library alone.
"""


def of_run(profile: str, threads: int, allocator: str) -> dict[str, object]:
    """What all figures of a results file share; `allocator` is a key of `bench.environment.ALLOCATORS`."""
    return {"profile": profile, "threads": threads, "allocator": allocator}


def of_pass(number: int, threads: int, allocator: str) -> dict[str, object]:
    """What is stored beside each figure, and beside the reason why a cell has none; passes count from 1."""
    return {"pass": number, "threads": threads, "allocator": allocator}
