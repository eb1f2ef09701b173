"""Damage to files: bytes as disks and transfers break them, values as programs and editors do."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NESTED: Any = []
for _ in range(200):
    NESTED = [NESTED]

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 10**18, 2**63, -(2**63) - 1, 10**39),
    *(0.0, -0.0, -1.5, 0.5, 1e-300, 1e300, -1e300, 1e18, float("nan"), float("inf"), float("-inf")),
    *(
        "",
        "0",
        "nan",
        "x",
        "\ud800",
        "\0",
        "a\nb",
        "$x^$",
        "_x",
        "<b>",
        "../..",
        "[/]",
        "12-34",
        "\u202e",
        "y" * 5000,
    ),
    *([], {}, [[]], [None], {"a": {}}, [1, "a", None], NESTED),
)


def flip(data: bytes, at: random.Random) -> bytes:
    """One bit, somewhere."""
    where = at.randrange(len(data))
    return data[:where] + bytes([data[where] ^ 1 << at.randrange(8)]) + data[where + 1 :]


def cut(data: bytes, at: random.Random) -> bytes:
    """Its beginning alone."""
    return data[: at.randrange(len(data))]


def lose(data: bytes, at: random.Random) -> bytes:
    """A few bytes less."""
    where = at.randrange(len(data))
    return data[:where] + data[where + at.randrange(1, 40) :]


def repeat(data: bytes, at: random.Random) -> bytes:
    """A piece of it twice."""
    start, length = at.randrange(len(data)), at.randrange(1, 200)
    return data[: start + length] + data[start:]


def blot(data: bytes, at: random.Random) -> bytes:
    """Random bytes, or zeros, in the middle."""
    where, length = at.randrange(len(data)), at.randrange(1, 20)
    return data[:where] + (at.randbytes(length) if at.random() < 0.5 else bytes(length)) + data[where + length :]


def wrap(data: bytes, at: random.Random) -> bytes:
    """Byte-order marks, another encoding, long numbers, deep nesting."""
    ways = (
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data.decode().encode("utf-16"),
        lambda: data.replace(b"1", b"1" * 5000, 1),
        lambda: b"[" * 100_000 + data,
        lambda: b'{"a":' * 2000 + data + b"}" * 2000,
        lambda: b"",
    )
    return at.choice(ways)()


OF_BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, cut, lose, repeat, blot, wrap)


def places(value: Any, found: list[tuple[Any, Any]] | None = None) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        places(item, found)
    return found


def change(document: Any, at: random.Random) -> Any:
    """One value replaced, removed, renamed, exchanged with another, repeated or wrapped."""
    every = places(document)
    if not every:
        return document
    # A document of many equal samples would be damaged nowhere else.
    container, key = at.choice([at.choice(every), at.choice(every[:60])])
    kind = at.randrange(7)
    if kind <= 2:
        container[key] = at.choice(ODD_VALUES)
    elif kind == 3:
        del container[key]
    elif kind == 4:
        other, place = at.choice(every)
        container[key], other[place] = other[place], container[key]
        return None if _is_endless(document) else document
    elif kind == 5:
        container[key] = at.choice(([container[key]], {"a": container[key]}, str(container[key])))
    elif isinstance(container, dict):
        container[at.choice(("", "x", "format", "base", "\ud800"))] = container.pop(key)
    else:
        container.append(container[key])
    return document


def _is_endless(document: Any) -> bool:
    try:
        json.dumps(document)
    except (ValueError, RecursionError):
        return True
    return False


def damaged(data: bytes, at: random.Random, *, lines: bool = False) -> bytes:
    """The file's bytes with one to three faults; `lines`: it holds one document a line."""
    if at.random() < 0.25:
        return at.choice(OF_BYTES)(data, at)
    whole = data.decode().splitlines() if lines else [data.decode()]
    for _ in range(at.choice((1, 1, 1, 2, 3))):
        number = at.randrange(len(whole))
        whole[number] = json.dumps(change(json.loads(whole[number]), at))
    text = "\n".join(whole) + "\n" * lines
    if at.random() < 0.03:
        text = text.replace("{", '{"format": 1, "format": 2, ', 1)
    return text.encode()


def damaged_table(data: bytes, at: random.Random) -> bytes:
    """A table's bytes with a fault of bytes, or with one to three cells replaced, removed or doubled."""
    if at.random() < 0.25:
        return at.choice(OF_BYTES)(data, at)
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(at.choice((1, 1, 1, 2, 3))):
        row = at.choice([rows[0], at.choice(rows)])
        cell = at.randrange(len(row))
        row[cell : cell + 1] = at.choice(([], [row[cell]] * 2, [json.dumps(at.choice(ODD_VALUES))], [""], ["nan"]))
    return "\n".join(map(",".join, rows)).encode(errors="replace")


def cases(folder: Path, number: int, seed: int) -> Iterator[tuple[Path, bytes]]:
    """The folder with one file damaged, so many times over: which, and its bytes. At the end it is whole again."""
    at = random.Random(seed)
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".jsonl", ".csv")]
    files = {path: path.read_bytes() for path in paths}
    for _ in range(number):
        path = at.choice(list(files))
        if path.suffix == ".csv":
            data = damaged_table(files[path], at)
        else:
            data = damaged(files[path], at, lines=path.suffix == ".jsonl")
        path.write_bytes(data)
        try:
            yield path, data
        finally:
            path.write_bytes(files[path])
