"""The tidy table that a report keeps, `measurements.parquet` -> its rows, to draw the report again."""

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.errors import AnalysisError
from analysis.results.registry import Registry
from analysis.schema import COLUMNS, tidy_frame

SUFFIX = ".parquet"
REQUIRED = {"model", "backend", "phase", "hidden_size", "length", "batch", "metric", "value", "outcome"}


def rows(path: Path, registry: Registry) -> tuple[list[dict[str, Any]], list[str]]:
    """The table's rows, columns that it was written before filled in as far as they are known; and no remarks.

    Raises AnalysisError where it cannot be read or is another table.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are among them
        raise AnalysisError(f"{path}: cannot be read as a table ({_first_line(error)}).") from error
    if not set(COLUMNS) >= set(table.columns) >= REQUIRED:
        raise AnalysisError(f"{path}: expected the tidy table of a report, got other columns.")
    try:
        whole = table.astype(object).where(table.notna(), None).to_dict("records")
        found = [registry.way(row["model"], row["backend"]) | {"num_layers": 1} | row for row in whole]
        found += registry.absent_rungs(found)
        tidy_frame(found)  # says whether the values have the columns' types
    except (TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(f"{path}: expected the tidy table of a report ({_first_line(error)}).") from error
    return found, []


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
