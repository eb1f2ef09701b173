"""The shortest way through one layer from a given state without gradients: how a model is served, step by step.

At small sizes a call costs more than its arithmetic. `call` and `step` therefore ask no more than whether this is
the plain case, and hand everything to one operator that is C from end to end, state and output in the caller's
formats. In every other case, wrong arguments among them, they return None, and the module's `forward` takes its
general way, which has the messages. Both give the same bits. Known weakness: it reads torch.nn's and torch's
private names, since their public ones cost several times as much.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from urnn import backends
from urnn.backends import transforms
from urnn.backends.cpu.operator import STREAMS


def call(rnn: Any, x: object, h: object) -> tuple[Tensor, Tensor] | None:
    """What `rnn(x, h)` returns, for a `URNN`, or None if the general way has to be taken."""
    if torch.is_grad_enabled() or type(x) is not Tensor or x.dim() != 3:
        return None
    if rnn.num_layers != 1 or rnn.bidirectional or rnn.recompute or rnn.output_steps != "all":
        return None
    if not rnn.batch_first:
        return _run(rnn, rnn._modules["layers"]._modules["0"], x, h)
    found = _run(rnn, rnn._modules["layers"]._modules["0"], x.transpose(0, 1), h)
    return None if found is None else (found[0].transpose(0, 1), found[1])


def step(cell: Any, x: object, h: object) -> Tensor | None:
    """What `cell(x, h)` returns, for a `URNNCell` and a real state of a batch, or None as `call` does."""
    if torch.is_grad_enabled() or type(x) is not Tensor or type(h) is not Tensor or x.dim() != 2 or h.dim() != 2:
        return None
    if h.dtype is not x.dtype:
        return None
    found = _run(cell, cell._modules["layer"], x.unsqueeze(0), h.unsqueeze(0))
    return None if found is None else found[1].squeeze(0)


def _run(module: Any, layer: Any, x: Tensor, h: object) -> tuple[Tensor, Tensor] | None:
    operator = STREAMS.get(x.dtype)
    if operator is None or type(h) is not Tensor or not x.is_cpu or _watched() or _has_hooks(layer):
        return None
    if backends.choose(module.backend, module.hidden_size, "cpu").name != "cpu":
        return None
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


def _watched() -> bool:
    """Whether something wants to see each operation: a compiler, a transform, a mode, forward-mode derivatives."""
    return (
        torch.compiler.is_compiling()
        or transforms.forward_mode()
        or transforms.active()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._len_torch_function_stack() > 0
    )


def _has_hooks(layer: nn.Module) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
    )
