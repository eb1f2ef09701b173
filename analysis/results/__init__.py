"""Result files of asv and pytest-benchmark, or a report's table, of many machines and commits -> one tidy frame.

A damaged or foreign file in a folder is reported and left out, because one bad file must not hide a hundred good
ones; it is an error if it was named explicitly or nothing else is left.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.documents import load
from analysis.errors import AnalysisError, printable
from analysis.results import asv, pytest_benchmark, tidy_table
from analysis.results.registry import Registry
from analysis.schema import tidy_frame
from analysis.vocabulary import ASV_RESULTS, MODELS_FILE, RESULTS, SHARDS, counted

DEFAULT_PATHS = (RESULTS, ASV_RESULTS)
BOOKKEEPING = {"machine.json", "benchmarks.json", MODELS_FILE, "manifest.json"}
# asv keeps environments and its web page beside its results; neither holds a measurement of its own. Shards become
# results when they are merged.
SKIPPED_FOLDERS = {"env", "html", SHARDS}


@dataclass(frozen=True)
class Results:
    """The tidy frame and what was wrong with the files, one sentence each.

    `left_out` is how many files of results are not in the frame; of the others, parts or labels may be missing.
    """

    frame: pd.DataFrame
    problems: tuple[str, ...] = ()
    left_out: int = 0


def read(paths: Sequence[Path | str] = ()) -> Results:
    """Folders and files (default: where the two harnesses store their results) -> the tidy frame.

    Raises AnalysisError for a path that does not exist, a file named outright that cannot be used, and where
    no file holds a measurement.
    """
    found = find([Path(path) for path in paths] or _existing_defaults(), "asv or pytest-benchmark")
    registry = Registry.beside(found)
    rows: list[dict[str, Any]] = []
    problems, left_out = list(registry.problems), 0
    for path, named in found.items():
        try:
            new, remarks = _read_file(path, registry)
        except AnalysisError as error:
            if named:
                raise left_out_or_again(error) from error
            problems.append(str(error))
            left_out += 1
            continue
        rows += new
        problems += remarks
    if not rows:
        raise AnalysisError(_nothing_read(list(found), problems))
    return Results(tidy_frame(rows), tuple(dict.fromkeys(map(printable, problems))), left_out)


def _existing_defaults() -> list[Path]:
    existing = [path for path in DEFAULT_PATHS if path.is_dir()]
    if not existing:
        names = " nor ".join(str(path) for path in DEFAULT_PATHS)
        raise AnalysisError(
            f"No results: found neither {names} in {Path.cwd()}; run `python -m bench run` first, which stores in "
            f"the checkout's {RESULTS}, or name that folder, as in `python -m analysis report FOLDER`."
        )
    return existing


def left_out_or_again(error: AnalysisError) -> AnalysisError:
    """What is wrong with a file that the user named outright, with what to do about it."""
    return AnalysisError(f"{str(error).removesuffix('.')}; measure again, or leave that file out.")


def find(paths: Iterable[Path], tools: str) -> dict[Path, bool]:
    """Folders and files -> the files to read, each once, in a fixed order, and whether the user named it outright.

    `tools` are those whose results are expected there, for the message about a path that does not exist.
    Below a folder it is every JSON file except the harnesses' own bookkeeping, which is known by its name.
    """
    found: dict[str, tuple[Path, bool]] = {}
    for path in paths:
        try:
            if not path.exists():
                raise AnalysisError(f"{path}: no such file or folder; expected results of {tools}.")
        except OSError as error:
            raise AnalysisError(f"{path}: cannot be read ({error.strerror}).") from error
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                skipped = SKIPPED_FOLDERS & set(file.relative_to(path).parts[:-1])
                if file.name not in BOOKKEEPING and not skipped and not os.path.isdir(file):
                    found.setdefault(os.path.realpath(file), (file, False))
        else:
            found[os.path.realpath(path)] = (path, True)
    return dict(found.values())


def _nothing_read(found: Sequence[Path], problems: list[str]) -> str:
    if not found:
        return "No results: the given folders hold no result files; run `python -m bench run` first."
    first = (problems[0] if problems else f"{found[0]} holds none.").removesuffix(".")
    of_all = counted(len(found), "result file")
    return f"No measurement in any of {of_all}: {first}; measure again, or name other results."


def _read_file(path: Path, registry: Registry) -> tuple[list[dict[str, Any]], list[str]]:
    if path.suffix == tidy_table.SUFFIX:
        return tidy_table.rows(path, registry)
    document = load(path)
    if isinstance(document, dict) and "result_columns" in document and "results" in document:
        return asv.rows(document, path, registry)
    if isinstance(document, dict) and isinstance(document.get("benchmarks"), list) and "machine_info" in document:
        return pytest_benchmark.rows(document, path, registry)
    raise AnalysisError(f"{path}: expected a result file of asv or pytest-benchmark, got other JSON.")
