"""The shortest way through a layer without gradients, as a model is served, and through one step of a loop.

At small sizes a call costs more than its arithmetic. `call` and `step` therefore ask no more than whether this is
the plain case, and hand everything to one function, state and output in the caller's formats: on a CPU an operator
that is C from end to end, with gradients of a step, on a GPU `cuda.short`, without. In every other case, wrong
arguments among them, they return None, and the module's `forward` takes its general way, which has the messages.
Both give the same bits on a CPU; on a GPU they differ by the rounding of V x in a single step. Known weakness: it
reads torch.nn's and torch's private names, since their public ones cost several times as much.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules import module as torch_module

from urnn import backends
from urnn.backends import traced
from urnn.backends.cpu.operator import OPERATORS, Operators
from urnn.backends.cuda import short
from urnn.backends.transforms import watched
from urnn.unitary import to_complex, to_pair


class _OnCuda(NamedTuple):
    """What a GPU has of `Operators`."""

    stream: Callable[..., tuple[Tensor, Tensor] | None] = short.stream
    step: Callable[..., Tensor | None] = short.step


ON_CUDA = _OnCuda()


class _Step(Function):
    """One step of a cell as autograd sees it. Nothing else may observe it, which `step` makes sure of."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        following = OPERATORS[given[0].dtype].step(*given)
        ctx.save_for_backward(following, *given[:-2])
        ctx.epsilon, ctx.conjugate = given[-2:]
        return following

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        following, *given = ctx.saved_tensors
        return _gradients(ctx, gradient, following, *given)


class _OneOfAStream(Function):
    """One step of a layer, as `_Step`: x (1, B, m), h complex (1, B, n), or real (2n) for all samples."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:
        states, last = OPERATORS[given[0].dtype].stream(*given)
        ctx.save_for_backward(states, *given[:-2])
        ctx.epsilon, ctx.conjugate = given[-2:]
        ctx.set_materialize_grads(False)
        return states, last

    @staticmethod
    def backward(ctx: Any, of_states: Tensor | None, of_last: Tensor | None) -> tuple[Tensor | None, ...]:
        states, x, h, *parameters = ctx.saved_tensors
        gradient = None if of_states is None else of_states[0]
        if of_last is not None:
            pairs = to_pair(of_last[0])
            gradient = pairs if gradient is None else gradient + pairs
        if gradient is None:
            return (None,) * 9
        first = h if h.dim() == 1 else to_pair(h[0])
        of_x, of_h, *rest = _gradients(ctx, gradient, states[0], x[0], first, *parameters)
        if of_h is not None and h.dim() > 1:
            of_h = to_complex(of_h).unsqueeze(0)
        return None if of_x is None else of_x.unsqueeze(0), of_h, *rest


def _gradients(ctx: Any, gradient: Tensor, following: Tensor, *given: Tensor) -> tuple[Tensor | None, ...]:
    """Those of a step's arguments, real pairs all of them, by the operator that whoever watches can see."""
    with_x = ctx.needs_input_grad[0]
    observed = torch.is_grad_enabled() or watched()
    operator = _observed_gradients if observed else OPERATORS[following.dtype].step_gradients
    x, h, theta, v, V, b = operator(  # noqa: N806 - the paper's letter
        gradient, following, *given, ctx.epsilon, ctx.conjugate, with_x
    )
    return x if with_x else None, h, theta, v, None, V, b, None, None


def _observed_gradients(
    gradient: Tensor, following: Tensor, x: Tensor, h: Tensor, theta: Tensor, v: Tensor, *rest: Any
) -> tuple[Tensor, ...]:
    """What the operator `step_gradients` returns, by the one that transforms and second derivatives know."""
    permutation, V, b, epsilon, conjugate, with_x = rest  # noqa: N806 - the paper's letter
    signs = torch.ones_like(b).repeat(2)
    if conjugate:
        signs[len(b) :] = -1
    batched = x if x.dim() == 2 else x.unsqueeze(0)
    rows = h if h.dim() == 2 else h.expand(len(batched), -1)
    of_x, of_h, of_theta, of_v, of_V, of_b = torch.ops.urnn.sequence_backward(  # noqa: N806
        None, gradient.view(rows.shape), following.view(1, *rows.shape), batched.unsqueeze(0), rows, theta,
        v * signs, permutation, V, b, epsilon, with_x,
    )  # fmt: skip
    of_x = of_x.view(x.shape) if with_x else of_x
    return of_x, of_h if h.dim() == 2 else of_h.sum(0), of_theta, of_v * signs, of_V, of_b


def call(rnn: Any, x: Any, h: Any) -> tuple[Tensor, Tensor] | None:
    """What `rnn(x, h)` returns, for a `URNN`, or None if the general way has to be taken.

    Example:
        >>> import torch
        >>> from urnn import URNN, streaming
        >>> rnn, x, h = URNN(10, 128), torch.randn(1, 3, 10), torch.zeros(1, 3, 128, dtype=torch.complex64)
        >>> _ = rnn.prepare()
        >>> streaming.call(rnn, x.repeat(2, 1, 1), h) is None  # more than a step, and gradients are wanted
        True
        >>> with torch.no_grad():
        ...     found = streaming.call(rnn, x, h)
        >>> found is None or torch.equal(found[1], rnn(x, h)[1])
        True
    """
    if not (type(x) is Tensor or _exported(x)) or not 2 <= x.dim() <= 3:
        return None
    if rnn.bidirectional or rnn.recompute or rnn.output_steps != "all" or (rnn.training and rnn.dropout > 0):
        return None
    if h is not None and (not (type(h) is Tensor or _exported(h)) or h.dim() != x.dim()):
        return None
    if x.dim() == 2:
        found = _through(rnn, x.unsqueeze(1), None if h is None else h.unsqueeze(1))
        return None if found is None else (found[0].squeeze(1), found[1].squeeze(1))
    if not rnn.batch_first:
        return _through(rnn, x, h)
    found = _through(rnn, x.transpose(0, 1), h)
    return None if found is None else (found[0].transpose(0, 1), found[1])


def _through(rnn: Any, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """`call` for an input (T, B, m) and a state (layers, B, n), or none, from layer to layer."""
    if torch.is_grad_enabled() and len(x) != 1:
        return None
    layers = rnn._modules["layers"]._modules
    if len(layers) == 1:
        return _stream(rnn, layers["0"], x, h)
    if h is not None and len(h) != len(layers):
        return None
    last_states = []
    for k, layer in enumerate(layers.values()):
        found = _stream(rnn, layer, x, None if h is None else h[k : k + 1])
        if found is None:
            return None
        x, last = found
        last_states.append(last)
    return x, torch.cat(last_states)


def _stream(rnn: Any, layer: Any, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor] | None:
    operators = _operators(rnn, layer, x)
    first = layer._parameters.get("h_0") if h is None else h
    if operators is None or first is None:
        return None
    return _result(_OneOfAStream.apply if torch.is_grad_enabled() else operators.stream, layer, x, first)


def step(cell: Any, x: Any, h: Any) -> Tensor | None:
    """What `cell(x, h)` returns, for a `URNNCell` and a real state or none, or None as `call` does.

    Example:
        >>> import torch
        >>> from urnn import URNNCell, streaming
        >>> cell, x, h = URNNCell(10, 128), torch.randn(3, 10), torch.zeros(3, 256)
        >>> found = streaming.step(cell, x, h)
        >>> found is None or torch.equal(found, cell(x, h))
        True
    """
    if not (type(x) is Tensor or _exported(x)) or not 1 <= x.dim() <= 2:
        return None
    layer = cell._modules["layer"]
    operators = _operators(cell, layer, x)
    if operators is None:
        return None
    state: Any = layer._parameters.get("h_0") if h is None else h
    if not (type(state) in (Tensor, nn.Parameter) or _exported(state)) or state.dim() != (
        1 if h is None else x.dim()
    ):
        return None
    return _result(_Step.apply if torch.is_grad_enabled() else operators.step, layer, x, state)


def _exported(value: object) -> bool:
    """Whether it is a tensor that torch.export traces with."""
    return torch.compiler.is_exporting() and isinstance(value, Tensor)


def _operators(module: Any, layer: Any, x: Tensor) -> "Operators | _OnCuda | None":
    """The operators for x; None where there are none, or the plain case is not this one."""
    operators: Operators | _OnCuda | None
    if x.is_cpu:
        operators = traced.operators(x.dtype) if watched() else OPERATORS.get(x.dtype)
    else:
        plain = x.is_cuda and not (torch.is_grad_enabled() or watched())
        operators = ON_CUDA if plain else None
    if operators is None or _has_hooks(layer):
        return None
    kind = "cpu" if x.is_cpu else "cuda"
    return operators if backends.choose(module.backend, module.hidden_size, kind).name == kind else None


def _result(operator: Callable[..., Any], layer: Any, x: Tensor, h: Tensor) -> Any:
    W, own = layer._modules["W"], layer._parameters  # noqa: N806 - the paper's letter
    try:
        return operator(
            x,
            h,
            W._parameters["theta"],
            W._parameters["v"],
            W._buffers["permutation"],
            own["V"],
            own["b"],
            layer.preset.epsilon,
            W.conjugate_reflections,
        )
    except (KeyError, RuntimeError):  # a parametrised layer; arguments that the operator does not take
        return None


def _has_hooks(layer: nn.Module) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
    )
