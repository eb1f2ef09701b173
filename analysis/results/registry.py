"""Labels, families and state sizes of models, as `models.json` beside the results states them.

Why: asv stores a model's name and nothing else of it. The registry of models travels as data, because this
package must not import the models.

Known weakness: the file states today's registry, also for results of older commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.schema import KNOWN_FAMILIES, KNOWN_LABELS

FILE_NAME = "models.json"
LEVELS_UP = 3


@dataclass(frozen=True)
class Registry:
    """What is known of each model by name; unknown models get their name as label and no state size."""

    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def beside(cls, files: Iterable[Path]) -> Registry:
        """Collect the `models.json` beside the files or up to three folders above them."""
        models: dict[str, Mapping[str, Any]] = {}
        folders = {folder for file in files for folder in list(file.resolve().parents)[: LEVELS_UP + 1]}
        for folder in sorted(folders):
            try:
                content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # Labels are an extra: without the file, names stand in for them.
            if isinstance(content, dict):
                models.update({name: row for name, row in content.items() if isinstance(row, dict)})
        return cls(models)

    def describe(self, model: str, hidden_size: int, num_layers: int = 1) -> dict[str, Any]:
        """Columns label, family and state_size (real numbers) of a model with so many hidden units a layer."""
        row = self.models.get(model, {})
        per_unit = row.get("state_per_unit")
        return {
            "label": row.get("label") or KNOWN_LABELS.get(model, model),
            "family": row.get("family") or KNOWN_FAMILIES.get(model),
            "state_size": None if per_unit is None else round(per_unit * hidden_size) * num_layers,
        }
