"""Files of five benchmark tools -> the time of each benchmark, a value a process.

A tool is a module with `recognises` and `times`, and a row in `READERS`. What this suite writes itself is read by
`analysis.results`, with all that it says of a cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.documents import MisfitError, load
from analysis.errors import AnalysisError, printable
from analysis.harnesses import asv, google_benchmark, hyperfine, nvbench, pytest_benchmark
from analysis.harnesses.times import Times
from analysis.results import find, left_out_or_again
from analysis.results.asv import METHODS
from analysis.results.tidy_table import SUFFIX
from analysis.vocabulary import joined

OURS = "this suite"


@dataclass(frozen=True)
class Reader:
    """How one tool's files are known and read."""

    tool: str
    recognises: Callable[[Any], bool]
    times: Callable[[Any, Path], Times]


READERS = (
    Reader("pytest-benchmark", pytest_benchmark.recognises, pytest_benchmark.times),
    Reader("asv", asv.recognises, asv.times),
    Reader("google/benchmark", google_benchmark.recognises, google_benchmark.times),
    Reader("nvbench", nvbench.recognises, nvbench.times),
    Reader("hyperfine", hyperfine.recognises, hyperfine.times),
)
TOOLS = joined([*(reader.tool for reader in READERS[:-1]), READERS[-1].tool]).replace(" and ", " or ")


@dataclass(frozen=True)
class File:
    """A file, the tool that wrote it, and its times, which `analysis.results` reads where it is of this suite."""

    path: Path
    tool: str
    times: Times


def read(paths: Sequence[Path]) -> tuple[list[File], list[str]]:
    """The files at the paths, those below a folder too, and what was wrong with those left out.

    Raises AnalysisError for a path that does not exist, a file named outright that cannot be used, and where no
    file is left.
    """
    found, problems = [], []
    for path, named in find(paths, TOOLS).items():
        try:
            found.append(_read(path))
        except AnalysisError as error:
            if named:
                raise left_out_or_again(error) from error
            problems.append(str(error))
    if not found:
        why = problems[0] if problems else f"{joined(list(map(str, paths)))} holds none."
        raise AnalysisError(f"No file of {TOOLS}: {why.removesuffix('.')}; name other files.")
    return found, problems


def _read(path: Path) -> File:
    if path.suffix == SUFFIX:
        return File(path, OURS, Times({}))
    document = load(path)
    if is_ours(document):
        return File(path, OURS, Times({}))
    reader = next((reader for reader in READERS if reader.recognises(document)), None)
    if reader is None:
        raise AnalysisError(f"{path}: expected a result file of {TOOLS}, got other JSON.")
    try:
        times = reader.times(document, path)
    except MisfitError as misfit:
        raise AnalysisError(f"{path}: {misfit}.") from None
    if not times.seconds and not times.messages:
        raise AnalysisError(f"{path}: expected benchmarks of {reader.tool} with times, got none.")
    return File(path, reader.tool, _one_line(times))


def _one_line(times: Times) -> Times:
    """The same with names that can stand in a table; a command may have several lines."""
    named = ({printable(name): value for name, value in part.items()} for part in (times.seconds, times.how))
    seconds, how = named
    messages = {printable(name): printable(text) for name, text in times.messages.items()}
    skipped = frozenset(map(printable, times.skipped))
    texts = (printable(text) for text in (times.machine, times.commit, times.begun))
    return Times(seconds, how, messages, skipped, *texts, tuple(map(printable, times.notes)))


def is_ours(document: Any) -> bool:
    """Whether this suite wrote it: a sweep's run, a cell beside a time, or asv's results of our benchmarks."""
    if not isinstance(document, dict):
        return False
    if pytest_benchmark.recognises(document) and isinstance(document["benchmarks"], list):
        infos = (one.get("extra_info") for one in document["benchmarks"] if isinstance(one, dict))
        return "run" in document or any(isinstance(info, dict) and "model" in info for info in infos)
    if asv.recognises(document) and isinstance(document["results"], dict):
        places = ("step_time.", "memory.")
        return any(name.startswith(places) and name.rpartition(".")[2] in METHODS for name in document["results"])
    return False
