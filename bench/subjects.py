"""What can stand in a cell: the models, the ladders that lead to the fastest, and the machine's ceilings.

Only the first are compared with each other; the others explain them.
"""

from analysis.vocabulary import GRAPH
from bench.ceilings import CEILINGS
from urnn import models
from urnn.models import LADDERS, Model

SUBJECTS: dict[str, Model] = {**models.every(), **LADDERS, **CEILINGS}
WORDS: dict[str, tuple[str, ...]] = {"zoo": tuple(models.ZOO)}  # for several models at once, on command lines


def get(name: str) -> Model:
    """The row of that name.

    Raises:
        ValueError: no such row; the message lists the models there are.
    """
    return LADDERS.get(name) or CEILINGS.get(name) or models.get(name)


def as_data() -> dict[str, dict[str, object]]:
    """The rows as plain data, so that whoever reads results needs no model to name one.

    The backends of each stand in their order, with their labels: a ladder's rungs from the first way to the best.
    """
    return {
        row.name: {
            "label": row.label,
            "family": row.family,
            "state_per_unit": row.state_per_unit,
            "backends": {backend: row.backend_labels.get(backend, backend) for backend in row.backends},
        }
        for row in SUBJECTS.values()
    }


def variants(rows: dict[str, Model]) -> tuple[str, ...]:
    """Every row with every backend, in the registry's order: "urnn:reference", "lstm:torch", ..."""
    return tuple(f"{row.name}:{backend}" for row in rows.values() for backend in row.backends)


def runs_on(model: str, backend: str, device: str) -> bool:
    """Whether that backend of the model is made for that kind of device; captured in a graph, for CUDA alone."""
    row = get(model)
    return row.runs_on(backend.removesuffix(GRAPH), device) and (device == "cuda" or not backend.endswith(GRAPH))
