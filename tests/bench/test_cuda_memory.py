"""Peak bytes of a training step with the CUDA kernel, without a GPU: its tensors are the same on a host."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.meters.memory import peak_allocated_bytes
from urnn import URNN
from urnn.backends import BACKENDS
from urnn.backends.cpu import build as cpu_build
from urnn.unitary import to_pair

N, BATCH, FLOAT32 = 32, 4, 4
STEPS = 512  # as measured on a GPU: tables and sums do not grow with the sequence, and are small beside it


@pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
@pytest.mark.parametrize(
    ("m", "reads", "bar"),
    [
        (3, "the last state", 1.3),
        (3, "every state", 2.4),
        # No dL/dz beside the states.
        (2, "the last state", 1.1),
        (2, "every state", 2.15),
    ],
)
def test_a_training_step_holds_little_beside_its_output(cuda_on_a_host, m, reads, bar):
    rnn, read_out = URNN(m, N), nn.Linear(2 * N, 1)
    optimiser = torch.optim.RMSprop([*rnn.parameters(), *read_out.parameters()])
    x = torch.randn(STEPS, BATCH, m)

    def train() -> torch.Tensor:
        output, state = rnn(x)
        loss = read_out(output if reads == "every state" else to_pair(state[-1])).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    train()  # what the optimiser keeps is made by its first step
    assert peak_allocated_bytes(train, "cpu") <= bar * STEPS * BATCH * 2 * N * FLOAT32


@pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine")
@pytest.mark.parametrize(("reads", "bar"), [("the last state", 0.57), ("every state", 1.08)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_of_16_bits_it_holds_half_as_much(cuda_on_a_host, monkeypatch, dtype, reads, bar):
    """With two inputs and no read-out: products of such matrices take memory of their own on a CPU. In units of an
    output in float32.
    """
    monkeypatch.setitem(BACKENDS, "cpu", replace(BACKENDS["cpu"], halves=BACKENDS["cuda"].halves))
    rnn, x, steps = URNN(2, N).to(dtype), torch.randn(2 * STEPS, BATCH, 2).to(dtype), 2 * STEPS

    def train() -> torch.Tensor:
        output, state = rnn(x)
        loss = output.sum() if reads == "every state" else state.abs().sum()
        loss.backward()
        rnn.zero_grad(set_to_none=True)
        return loss.detach()

    assert peak_allocated_bytes(train, "cpu") <= bar * steps * BATCH * 2 * N * FLOAT32
