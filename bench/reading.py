"""JSON that an earlier run left behind: checked against its expected shape, or refused with the file's name.

A refused file is left as it is: it may hold an hour of measurements that an editor can save. The reader and the
shapes come from `analysis.documents`, which needs the standard library alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.documents import Shape, check, load
from analysis.errors import AnalysisError
from bench.errors import ResultsError


def read(path: Path, shape: Shape, advice: str) -> Any:
    """What the file holds.

    Raises:
        ResultsError: it cannot be read, or holds something else; the message ends in `advice`.
    """
    try:
        return load(path, shape)
    except AnalysisError as error:
        raise _refused(error, advice) from error


def read_format(path: Path, shape: Shape, version: int, advice: str, holder: Sequence[str] = ()) -> Any:
    """As `read`, but another format is refused by its number, whatever else the file lacks.

    `holder` are the keys that lead to the object with the key "format".
    """
    try:
        found = content = load(path)
        for key in (*holder, "format"):
            found = found.get(key) if isinstance(found, dict) else None
        if found != version or isinstance(found, bool):
            raise ResultsError(f"expected {path} to be of format {version}, got {str(found)[:40]}; {advice}.")
        check(content, shape, path)
    except AnalysisError as error:
        raise _refused(error, advice) from error
    return content


def _refused(error: AnalysisError, advice: str) -> ResultsError:
    return ResultsError(f"{str(error).removesuffix('.')}; {advice}.")
