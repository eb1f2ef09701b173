"""What may be changed in a task's inputs, read off its sequences, and how far a change may go.

Inputs are of three kinds. Numbers, such as grey values, get noise and stay between the least and the greatest
value that there is. A symbol, one feature of several that is 1 at each step, is exchanged for another. Marks,
features that are 0 or 1 in other patterns, say what is asked, and stay.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from urnn.quantities import require_number
from urnn.shapes import Float


@dataclass(frozen=True)
class Inputs:
    """The kinds of a task's features.

    Attributes:
        low, high: bounds of the numbers.
        numeric: the features that are numbers.
        symbolic: those of which one is 1 at each step.
        noise: standard deviation of a number's change, as a share of high - low.
        share: of the symbols that a change exchanges.

    Example:
        >>> import torch
        >>> from urnn.coverage.inputs import Inputs
        >>> x = torch.rand(8, 20, 3)
        >>> inputs = Inputs.of(x)
        >>> inputs.numeric, inputs.symbolic
        ((0, 1, 2), ())
    """

    low: float
    high: float
    numeric: tuple[int, ...]
    symbolic: tuple[int, ...]
    noise: float = 0.01
    share: float = 0.05

    def __post_init__(self) -> None:
        require_number("noise", self.noise, above=0.0)
        if require_number("share", self.share, above=0.0) > 1:
            raise ValueError(f"share must be at most 1, got {self.share}")
        low, high = require_number("low", self.low), require_number("high", self.high)
        if self.numeric and not low < high:
            raise ValueError(
                f"the numbers must have a range to change in, got bounds {low:g} and {high:g}; give originals "
                "that differ, or bounds of your own"
            )

    @classmethod
    def of(cls, x: Float[Tensor, "T B m"], noise: float = 0.01) -> "Inputs":
        """What these sequences show.

        Raises:
            ValueError: nothing in them may be changed, they are not finite, or there are none.
        """
        if x.numel() == 0:
            raise ValueError(f"inputs are read off sequences, got none in the shape {tuple(x.shape)}")
        if not x.isfinite().all():
            raise ValueError(
                "expected finite sequences, got NaN or infinity; how far a change may go is read off them"
            )
        flat = x.flatten(0, 1)
        binary = ((flat == 0) | (flat == 1)).all(0)
        numeric = tuple((~binary).nonzero().flatten().tolist())
        one_hot = bool((flat.sum(1) == 1).all()) and binary.all() and flat.shape[1] > 1
        symbolic = tuple(range(flat.shape[1])) if one_hot else ()
        if not numeric and not symbolic:
            raise ValueError(
                "every feature is 0 or 1 and they are no symbols, so there is nothing to change in them"
            )
        values = flat[:, ~binary] if numeric else flat
        return cls(float(values.min()), float(values.max()), numeric, symbolic, noise)

    def changed(self, x: Float[Tensor, "T B m"], generator: torch.Generator) -> Float[Tensor, "T B m"]:
        """Each sequence with a random change of its own."""
        changed = x.clone()
        if self.numeric:
            numbers = x[..., self.numeric]
            deviation = self.noise * (self.high - self.low)
            noise = torch.randn(numbers.shape, generator=generator).to(x) * deviation
            changed[..., self.numeric] = (numbers + noise).clamp(self.low, self.high)
        if self.symbolic:
            exchanged = torch.rand(x.shape[:2], generator=generator) < self.share
            drawn = torch.randint(len(self.symbolic), x.shape[:2], generator=generator)
            others = torch.nn.functional.one_hot(drawn, len(self.symbolic)).to(x)
            changed = torch.where(exchanged[..., None], others, changed)
        return changed

    def require_numbers(self) -> None:
        """Raises ValueError where there are none, so that there is no direction to move in."""
        if not self.numeric:
            raise ValueError(
                "the inputs are symbols, which have no gradient; take the random or genetic generator"
            )

    def stepped(self, x: Float[Tensor, "T B m"], direction: Float[Tensor, "T B m"]) -> Float[Tensor, "T B m"]:
        """x moved along a direction, its numbers alone and within their bounds; see `require_numbers`."""
        self.require_numbers()
        moved = x.clone()
        moved[..., self.numeric] = (x + direction)[..., self.numeric].clamp(self.low, self.high)
        return moved


@dataclass(frozen=True)
class Oracle:
    """Says that a changed sequence still asks what the original asked, so that another answer is a defect.

    The measure is the Euclidean norm of the change over the number of entries changed, as in both versions of the
    authors' code. Known weakness: the more entries change, the more each of them may.

    Args:
        radius: the greatest measure that is inside; the authors take 0.005 in 2019 and 0.01 in 2022, on [0, 1].

    Example:
        >>> import torch
        >>> from urnn.coverage.inputs import Oracle
        >>> x = torch.zeros(2, 1, 2)
        >>> Oracle(0.01).inside(x + torch.tensor([0.02, 0.0]), x)  # one entry, by 0.02
        tensor([False])
        >>> Oracle(0.02).inside(x + torch.tensor([0.02, 0.0]), x)  # two steps: sqrt(2) 0.02 / 2
        tensor([True])
    """

    radius: float = 0.01

    def __post_init__(self) -> None:
        require_number("radius", self.radius, above=0.0)

    def measure(self, x: Float[Tensor, "T B m"], original: Float[Tensor, "T B m"]) -> Float[Tensor, " B"]:
        """Of each sequence's change; 0 for none."""
        change = x - original
        entries = (change != 0).sum((0, 2))
        return change.square().sum((0, 2)).sqrt() / entries.clamp(min=1)

    def inside(self, x: Float[Tensor, "T B m"], original: Float[Tensor, "T B m"]) -> Tensor:
        """(B,) bool: a change, and no farther than the radius."""
        measure = self.measure(x, original)
        return (measure > 0) & (measure <= self.radius)
