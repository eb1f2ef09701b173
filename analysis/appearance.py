"""One colour, marker and dash a model, the same in every figure and on the page.

The colours keep apart under the common colour-vision deficiencies and have lighter values for dark pages; marker
and dash repeat the distinction without any colour. The wider field has figures of its own, in which it stands
beside the uRNN and nn.LSTM alone: there too colours keep apart, a little less, and dashes say what is alike in
kind. More than three models outside the lists share fallback looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Look:
    """How one model is drawn; `light` and `dark` are its colours on a light and a dark page."""

    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...] | str


# Found by search: the least distance between any two, and one and a half times as much around the uRNN, is as
# large as it can be made for normal, protanope and deuteranope eyes, within a range of hues for each model.
LOOKS: dict[str, Look] = {
    "urnn": Look("#f46804", "#fa7010", "o", ""),
    "lstm": Look("#198de9", "#558dca", "s", ""),
    "gru": Look("#1991b8", "#9dd3ff", "D", (5, 2)),
    "rnn_tanh": Look("#43998e", "#b1f2d6", "^", ""),
    "irnn": Look("#25360a", "#d2f59c", "v", (5, 2)),
    "ortho_matrix_exp": Look("#0d4cd2", "#9571ff", "P", (2, 1.5)),
    "ortho_cayley": Look("#5f2642", "#b2778f", "X", (2, 1.5)),
    "ortho_householder": Look("#8c6848", "#c49172", "p", (2, 1.5)),
}

# Found in the same way, a range of hues for each kind; in the order of legends.
WIDER_LOOKS: dict[str, Look] = {
    "exprnn": Look("#1b00f7", "#6d97fc", "P", (3, 1.2)),
    "scornn": Look("#0914a8", "#f9defe", "X", (3, 1.2)),
    "modrelu_householder": Look("#2e54fd", "#bfb4db", "p", (3, 1.2)),
    "full_urnn": Look("#ee0c47", "#f94050", "o", (3, 1.2)),
    "eunn": Look("#813b51", "#f4b7a8", "8", (3, 1.2)),
    "lru": Look("#6d9c60", "#4ee974", "^", (7, 2)),
    "lru_blocks": Look("#043924", "#659254", "v", (7, 2)),
    "mingru": Look("#2b4f22", "#fdf8c0", ">", (7, 2)),
    "mingru_blocks": Look("#6d886e", "#fefb6c", "<", (7, 2)),
    "slstm": Look("#0773ac", "#7abaff", "s", (1.2, 1.2)),
    "lem": Look("#17848f", "#6d8fad", "D", (1.2, 1.2)),
    "cornn": Look("#5a0072", "#e6b6c3", "h", (4, 1.5, 1, 1.5)),
    "unicornn": Look("#ee31e6", "#d5818c", "*", (4, 1.5, 1, 1.5)),
    "indrnn": Look("#6f4f04", "#ffff12", "d", (1.2, 1.2)),
}

FALLBACK_LOOKS: tuple[Look, ...] = (
    Look("#4d4f53", "#c7c9ce", "*", (6, 2, 1, 2)),
    Look("#8b2f2f", "#e59a9a", "h", (6, 2, 1, 2)),
    Look("#2f6f7a", "#8fd0da", "<", (6, 2, 1, 2)),
)

EVERY_LOOK: tuple[Look, ...] = (*LOOKS.values(), *WIDER_LOOKS.values(), *FALLBACK_LOOKS)

_given: dict[str, Look] = {}  # to models outside the list, in the order in which they were first drawn


def look(model: str) -> Look:
    """The model's look; for a model outside the lists the next of the fallback looks, the same while this runs."""
    known = LOOKS.get(model) or WIDER_LOOKS.get(model)
    return known or _given.setdefault(model, FALLBACK_LOOKS[len(_given) % len(FALLBACK_LOOKS)])


def css_name(look: Look) -> str:
    """The page's variable for a look's colour, light or dark."""
    return f"series-{look.light[1:]}"


BEST = ""  # the backend of a series whose every cell is that of the model's fastest way there


class Series(NamedTuple):
    """A (model, backend) pair with its name for people."""

    model: str
    backend: str
    label: str

    @property
    def identity(self) -> str:
        """By which figures, tables and buttons know it."""
        return f"{self.model}:{self.backend}"


def order(models: Iterable[str]) -> list[str]:
    """Models in the order of legends and tables: the uRNN before all, the usual ones, others by name, the wider
    field.
    """
    usual, wider = list(LOOKS), list(WIDER_LOOKS)

    def rank(model: str) -> tuple[int, str]:
        if model in WIDER_LOOKS:
            return len(usual) + 1 + wider.index(model), model
        return (usual.index(model) if model in LOOKS else len(usual)), model

    return sorted(set(models), key=rank)
