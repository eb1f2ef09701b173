"""What a trained state holds of a word: linear probes for the products of its last elements, and of all.

A net can be right on short words by other means than tracking the product: it can know the last elements, or the
product up to the order of its factors. A probe is a linear read-out of the same states, fitted by least squares to
another answer, so that it finds what is there for a linear read-out to take (as in Alain, Bengio 2016).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from urnn.shapes import Float, Int
from urnn.tasks import Words
from urnn.tasks.groups import Group, abelian_part
from urnn.training.seeds import HELD_OUT_SEED, generator

WINDOWS = (1, 2, 3, 4)
SEQUENCES = 400  # half of them to fit, half to score
RIDGE = 1e-6  # of a state's mean square: enough for units that never move
PRODUCT, ABELIAN_PART = "product", "abelian part"


@torch.no_grad()
def probe(rnn: Callable[..., Any], task: Words, device: str = "cpu") -> list[dict[str, str | int | float | None]]:
    """A line for each answer that was looked for in the states, on words of the task's length.

    Args:
        rnn: elements, one-hot (T, B, k) -> states (T, B, features) and whatever else, as torch's recurrent nets.

    Returns:
        Lines of quantity, "product" or "abelian part" (the product where the order of factors is forgotten; only
        for groups where that is neither nothing nor the product itself); window, how many of the last elements
        are multiplied, None for all of them; score, the share of states from which the answer is read rightly;
        guessing, the share that the most frequent answer gets.

    Example:
        >>> import torch
        >>> from urnn import models
        >>> from urnn.tasks import Words
        >>> from urnn.tasks.groups import Z2
        >>> from urnn.training.probe import probe
        >>> lines = probe(models.get("lstm").build(2, 8), Words(Z2, length=8))
        >>> [line["window"] for line in lines]
        [1, 2, 3, 4, None]
    """
    x, products = task.sample(SEQUENCES, generator(HELD_OUT_SEED, "probes"))
    states, _ = rnn(x.to(device))
    states = states.cpu().double()
    elements, parts = x.argmax(-1), abelian_part(task.group)
    quantities = {PRODUCT: torch.arange(task.group.order)}
    if 1 < int(parts.max()) + 1 < task.group.order:
        quantities[ABELIAN_PART] = parts
    windows: dict[int | None, Int[Tensor, "S B"]] = {
        window: last_products(task.group, elements, window) for window in WINDOWS if window <= task.length
    }
    windows[None] = products
    return [
        {"quantity": name, "window": window, **_read_off(states[len(states) - len(answers) :], classes[answers])}
        for name, classes in quantities.items()
        for window, answers in windows.items()
    ]


def last_products(group: Group, elements: Int[Tensor, "T B"], window: int) -> Int[Tensor, "S B"]:
    """The product of the last `window` elements at every step that has so many, the earlier ones on the left.

    Example:
        >>> import torch
        >>> from urnn.tasks.groups import Z5
        >>> from urnn.training.probe import last_products
        >>> last_products(Z5, torch.tensor([[1], [2], [4]]), 2).flatten()
        tensor([3, 1])
    """
    steps = len(elements) - window + 1
    products = elements[:steps]
    for later in range(1, window):
        products = group.table[products, elements[later : later + steps]]
    return products


def _read_off(states: Float[Tensor, "S B features"], answers: Int[Tensor, "S B"]) -> dict[str, float]:
    """Ridge regression onto one-hot answers on the first half of the sequences, scored on the second."""
    classes, half = int(answers.max()) + 1, states.shape[1] // 2
    states = torch.cat([states, states.new_ones(*states.shape[:2], 1)], dim=-1)
    fitted = states[:, :half].flatten(0, 1)
    wanted = functional.one_hot(answers[:, :half].flatten(), classes).to(states.dtype)
    square = fitted.T @ fitted
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=states.dtype)
    weights = torch.linalg.solve(square, fitted.T @ wanted)
    scored = answers[:, half:]
    right = ((states[:, half:] @ weights).argmax(-1) == scored).double().mean()
    return {"score": float(right), "guessing": float(scored.flatten().bincount().max() / scored.numel())}
