"""What is made from parameters, for who serves a model one step at a time: made once, not at every call."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from urnn.backends.transforms import watched

Made = TypeVar("Made", Tensor, tuple[Tensor, ...])


class Folded(Generic[Made]):
    """Keeps the last matrices that were made without gradients, until a parameter has another value.

    Parameters are compared with copies, since nothing else tells that they have not been written to: writes
    through `.data` or numpy count no version. With gradients, and where torch traces or transforms, nothing is
    kept.

    Example:
        >>> import torch
        >>> from urnn.baselines.folded import Folded
        >>> angle, folded = torch.nn.Parameter(torch.zeros(2)), Folded()
        >>> with torch.no_grad():
        ...     first = folded([angle], lambda: angle.cos())
        ...     again = folded([angle], lambda: angle.cos())
        ...     angle.fill_(torch.pi)
        ...     moved = folded([angle], lambda: angle.cos())
        Parameter containing:
        tensor([3.1416, 3.1416], requires_grad=True)
        >>> first is again, moved
        (True, tensor([-1., -1.]))
    """

    def __init__(self) -> None:
        self._kept: tuple[list[Tensor], Made] | None = None

    def __call__(self, parameters: Sequence[Tensor], make: Callable[[], Made]) -> Made:
        """The value of `make`, which depends on the parameters alone."""
        if torch.is_grad_enabled() or watched():
            return make()
        if self._kept is not None and all(map(_same, parameters, self._kept[0])):
            return self._kept[1]
        with torch.inference_mode(False), torch.no_grad():  # or what is kept could be used in that mode alone
            made = make()
            self._kept = [parameter.detach().clone() for parameter in parameters], made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Folded, ()  # a copy of a model, or its file, makes its own


def _same(now: Tensor, then: Tensor) -> bool:
    return now.dtype == then.dtype and now.device == then.device and torch.equal(now, then)
