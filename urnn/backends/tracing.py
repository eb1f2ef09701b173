"""A mark for torch.compile that costs nothing where nothing is compiled."""

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def constant(function: Function) -> Function:
    """Marks a function whose result torch.compile takes as it is, without tracing into it.

    The same as `torch.compiler.assume_constant_result`, which imports torch._dynamo: 1.2 s, six times what
    everything else in `import urnn` takes.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
