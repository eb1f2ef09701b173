"""The operators of `cpu.operator` where torch traces them: what they return, and what runs without their kernel.

A traced graph has one of them in place of the layer's Python. It can be saved, and loaded by a process that has no
kernel yet, or moved to another device; there the operator is `fused.run_sequence`, which loads the kernel. Known
weakness: a layer exported without gradients has none where it is called with gradients.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from urnn import checks
from urnn.backends import cpu, fused, transforms
from urnn.backends.contract import Parameters
from urnn.backends.cpu.operator import COMPLEX, COMPLEX_OF, OPERATORS, Operators
from urnn.unitary import to_complex, to_pair


def operators(dtype: torch.dtype) -> Operators | None:
    """The operators of a dtype in a graph without gradients, with their kernel loaded; None where there are none.

    They return None for what they will not take when the graph runs.
    """
    if not torch.compiler.is_compiling() or torch.is_grad_enabled():
        return None
    if transforms.forward_mode() or transforms.active() or not cpu.has(dtype) or dtype not in OPERATORS:
        return None
    return Operators(*(partial(_in_graph, operator) for operator in OPERATORS[dtype]))


def _in_graph(operator: Callable[..., Any], x: Tensor, h: Tensor, *rest: Any) -> Any:
    if not _fit(x, h, *rest[:-2]):
        return None
    found = operator(x, h, *rest)
    if not torch.compiler.is_exporting():
        return found
    # Exported, the graph can still be called with gradients, which the operator knows nothing of.
    return found.detach() if isinstance(found, Tensor) else tuple(part.detach() for part in found)


def _fit(x: Tensor, h: Tensor, *parameters: Tensor) -> bool:
    """Whether these are dense tensors of sizes that belong together."""
    *_, V, b = parameters  # noqa: N806 - the paper's letter
    n = b.shape[0]
    if h.dim() == 1:
        expected: tuple[int, ...] = (2 * n,)
    elif x.dim() == 3:
        expected = (1, x.shape[1], n)
    else:
        expected = (x.shape[0], 2 * n)
    return (
        all(tensor.is_cpu and tensor.layout is torch.strided for tensor in (x, h, *parameters))
        and all(parameter.is_contiguous() for parameter in parameters)
        and all(size > 0 for size in x.shape)
        and x.shape[-1] == V.shape[1]
        and h.shape == expected
        and h.dtype == (COMPLEX_OF[x.dtype] if h.dim() == 3 else x.dtype)
    )


def _stream(x: Tensor, h: Tensor, *parameters: Any) -> tuple[Tensor, Tensor]:
    first = h.expand(x.shape[1], -1) if h.dim() == 1 else to_pair(h[0])
    states, last = fused.run_sequence(x, first, _parameters(*parameters))
    return states, to_complex(last).unsqueeze(0)


def _step(x: Tensor, h: Tensor, *parameters: Any) -> Tensor:
    rows = x if x.dim() == 2 else x.unsqueeze(0)
    first = h if h.dim() == 2 else h.expand(len(rows), -1)
    _, last = fused.run_sequence(rows.unsqueeze(0), first, _parameters(*parameters))
    return last if x.dim() == 2 else last.squeeze(0)


def _parameters(
    theta: Tensor,
    v: Tensor,
    permutation: Tensor,
    V: Tensor,  # noqa: N803 - the paper's letter
    b: Tensor,
    epsilon: float,
    conjugate: bool,
) -> Parameters:
    if conjugate:
        real, imaginary = v.chunk(2, dim=-1)
        v = torch.cat([real, -imaginary], dim=-1)
    return Parameters(theta, v, permutation, V, b, epsilon)


def _stream_shapes(x: Tensor, h: Tensor, *parameters: Any) -> tuple[Tensor, Tensor]:
    steps, batch, n = x.shape[0], x.shape[1], parameters[4].shape[0]
    checks.require(x, x.new_empty(batch, 2 * n), *parameters[:5])
    return x.new_empty(steps, batch, 2 * n), x.new_empty(1, batch, n, dtype=COMPLEX_OF[x.dtype])


def _step_shapes(x: Tensor, h: Tensor, *parameters: Any) -> Tensor:
    n = parameters[4].shape[0]
    rows = x if x.dim() == 2 else x.unsqueeze(0)
    checks.require(rows.unsqueeze(0), x.new_empty(rows.shape[0], 2 * n), *parameters[:5])
    return x.new_empty(*x.shape[:-1], 2 * n)


_implementations = torch.library.Library("urnn", "FRAGMENT")
for _name, _run, _shapes in (("stream", _stream, _stream_shapes), ("step", _step, _step_shapes)):
    for _dtype in COMPLEX:
        torch.library.register_fake(f"urnn::{_name}_{_dtype}", _shapes, lib=_implementations)
        # On a CPU the kernel's own, once it is loaded, goes before this.
        _implementations.impl(f"{_name}_{_dtype}", _run, "CompositeExplicitAutograd")
