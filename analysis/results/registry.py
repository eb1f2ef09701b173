"""Labels, families and state sizes of models, as `models.json` beside the results states them.

Why: asv stores a model's name and nothing else of it. The registry of models travels as data, because this
package must not import the models.

Known weakness: the file states today's registry, also for results of older commits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.documents import TEXT, MapOf, Real, Record, load
from analysis.errors import AnalysisError
from analysis.schema import KNOWN_FAMILIES, KNOWN_LABELS
from analysis.vocabulary import MODELS_FILE

LEVELS_UP = 3
MODELS = MapOf(Record({}, {"label": TEXT, "family": TEXT, "state_per_unit": Real(0.0, 1000.0)}))


@dataclass(frozen=True)
class Registry:
    """What is known of each model by name; unknown models get their name as label and no state size.

    `problems` says which files were left out and why, one sentence each.
    """

    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def beside(cls, files: Iterable[Path]) -> Registry:
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

    def describe(self, model: str, hidden_size: int, num_layers: int = 1) -> dict[str, Any]:
        """Columns label, family and state_size (real numbers) of a model with so many hidden units a layer."""
        row = self.models.get(model, {})
        per_unit = row.get("state_per_unit")
        return {
            "label": row.get("label") or KNOWN_LABELS.get(model, model),
            "family": row.get("family") or KNOWN_FAMILIES.get(model),
            "state_size": None if per_unit is None else round(per_unit * hidden_size) * num_layers,
        }
