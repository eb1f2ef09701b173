"""h_t = a_t h_{t-1} + u_t, entry by entry: the recurrence of models whose step is linear in the state.

On a CPU one operation a step is fastest: a step reads and writes each number once. On a GPU, where each operation
is a launch, the steps are joined in log2(T) rounds (Hillis, Steele 1986; Blelloch 1990). Either way the backward
pass is the same recurrence, backwards, and needs only the states.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_recurrence(a: Tensor, u: Tensor, first: Tensor) -> Tensor:
    """All states (T, B, n), real or complex, of h_t = a_t h_{t-1} + u_t.

    Args:
        a: (T, B, n), or (n,) where it is the same at every step.
        u: (T, B, n).
        first: (B, n), the state before the first step.

    Example:
        >>> import torch
        >>> from urnn.baselines.linear_recurrence import linear_recurrence
        >>> a, u = torch.tensor([0.5]), torch.tensor([[[1.0]], [[0.0]], [[4.0]]])
        >>> linear_recurrence(a, u, first=torch.tensor([[2.0]])).flatten()
        tensor([2.0000, 1.0000, 4.5000])
    """
    if not torch.is_grad_enabled():  # a stream would pay as much for the derivative's function as for the step
        return _run(a, u, first)
    states: Tensor = _LinearRecurrence.apply(a, u, first)
    return states


class _LinearRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, u: Tensor, first: Tensor) -> Tensor:
        states = _run(a, u, first)
        ctx.save_for_backward(a, first, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        a, first, states = ctx.saved_tensors
        a_conj = a.conj().resolve_conj() if a.is_complex() else a
        following = a_conj if a.dim() == 1 else torch.cat([a_conj[1:], torch.zeros_like(a[:1])]).flip(0)
        of_u = _run(following, gradient.flip(0), torch.zeros_like(first)).flip(0)
        before = torch.cat([first.unsqueeze(0), states[:-1]])
        of_a = of_u * (before.conj() if before.is_complex() else before)
        first_a = a_conj if a.dim() == 1 else a_conj[0]
        return of_a.sum((0, 1)) if a.dim() == 1 else of_a, of_u, of_u[0] * first_a


def _run(a: Tensor, u: Tensor, first: Tensor) -> Tensor:
    return _joined(a, u, first) if u.is_cuda else _step_by_step(a, u, first)


def _step_by_step(a: Tensor, u: Tensor, first: Tensor) -> Tensor:
    states, h = torch.empty_like(u), first
    for t, (u_t, state) in enumerate(zip(u, states, strict=True)):
        h = torch.addcmul(u_t, a if a.dim() == 1 else a[t], h, out=state)
    return states


def _joined(a: Tensor, u: Tensor, first: Tensor) -> Tensor:
    """After the round of width w, entry t holds steps t - 2w + 1 to t as one: h_t = factor h + term."""
    factor = a.expand_as(u).clone()
    term = u.clone()
    term[0].addcmul_(factor[0], first)
    width = 1
    while width < len(u):
        term = torch.cat([term[:width], torch.addcmul(term[width:], factor[width:], term[:-width])])
        factor = torch.cat([factor[:width], factor[width:] * factor[:-width]])
        width *= 2
    return term
