"""Labels, families and state sizes of models, as results state them: in the file, or in `models.json` beside it.

This package must not import the models, so the registry of models travels with the results as data.
`models.json` states the registry of the last run, also for older results beside it.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from analysis.documents import TEXT, MapOf, Record, load, real
from analysis.errors import AnalysisError
from analysis.vocabulary import AXES, GRAPH, LADDER, MODELS_FILE, NOT_APPLICABLE, STEP_TIME

LEVELS_UP = 3
SIZES = [axis for axis in AXES if axis != "backend"]
OWN = ("value", "statistic", "round", "parameters", "message")  # what one rung's row says and another's does not
MODELS = MapOf(
    Record({}, {"label": TEXT, "family": TEXT, "state_per_unit": real(0.0, 1000.0), "backends": MapOf(TEXT)})
)

# What files written before results carried their own names call models and backends. Nothing new belongs there.
OLD_MODELS = load(Path(__file__).with_name("old_models.json"), MODELS)


@dataclass(frozen=True)
class Registry:
    """What is known of each model by name; an unknown model or backend has its name as label.

    `problems` says which files were left out and why, one sentence each.
    """

    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def beside(cls, files: Iterable[Path]) -> Self:
        """Collect the `models.json` beside the files or up to three folders above them."""
        models: dict[str, Mapping[str, Any]] = {}
        problems: list[str] = []
        real = [Path(os.path.realpath(file)) for file in files]
        folders = {folder for file in real for folder in list(file.parents)[: LEVELS_UP + 1]}
        for path in sorted(folder / MODELS_FILE for folder in folders):
            if os.path.lexists(path):
                try:
                    models.update(load(path, MODELS))
                except AnalysisError as error:
                    problems.append(f"{error} Names stand in for its labels.")
        return cls(models, tuple(problems))

    def and_from(self, file: Mapping[str, Mapping[str, Any]] | None) -> Self:
        """With what a results file says of its own models, which counts more."""
        return type(self)({**self.models, **(file or {})})

    def describe(self, model: str, backend: str, hidden_size: int, num_layers: int = 1) -> dict[str, Any]:
        """Columns label, family, backend_label, place and state_size; `hidden_size` is that of a layer."""
        row = self._row(model)
        per_unit = row.get("state_per_unit")
        return {
            "label": row.get("label") or model,
            "family": row.get("family"),
            **self.way(model, backend),
            "state_size": None if per_unit is None else round(per_unit * hidden_size) * num_layers,
        }

    def way(self, model: str, backend: str) -> dict[str, Any]:
        """Columns backend_label and place of one of a model's backends."""
        known, name = self.backends(model), backend.removesuffix(GRAPH)
        return {
            "backend_label": f"{known.get(name, name)}{' in a graph' if backend.endswith(GRAPH) else ''}",
            "place": list(known).index(name) + 1 if name in known else None,
        }

    def backends(self, model: str) -> Mapping[str, str]:
        """A model's backends in their order, with their labels; empty where they are not known."""
        return self._row(model).get("backends") or {}

    def absent_rungs(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of one file -> a row "not applicable" for each rung that a ladder lacks where other rungs stand.

        A rung that is missing from a table, one for another device say, would be taken for a gain of nothing.
        """
        climbed: dict[tuple[Any, ...], dict[str, Mapping[str, Any]]] = {}
        for row in rows:
            if row.get("family") == LADDER and row["metric"] == STEP_TIME:
                climbed.setdefault(tuple(row[axis] for axis in SIZES), {}).setdefault(row["backend"], row)
        return [
            {**next(iter(there.values())), **dict.fromkeys(OWN), "outcome": NOT_APPLICABLE, "backend": rung}
            | self.way(model, rung)
            for (model, *_), there in climbed.items()
            for rung in self.backends(model)
            if rung not in there
        ]

    def _row(self, model: str) -> Mapping[str, Any]:
        stated = {key: value for key, value in self.models.get(model, {}).items() if value is not None}
        return {**OLD_MODELS.get(model, {}), **stated}
