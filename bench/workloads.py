"""From a cell to something that can be timed: the model, its data and one call of the work that a cell names.

Everything that is not the work (building, drawing data, folding weights) happens here, before any clock runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from bench import subjects
from bench.graphs import captured
from bench.grid import Cell
from bench.precision import TENSORS, epsilon_of_rmsprop, set_tf32
from urnn.models import Model
from urnn.tasks import TASKS, Adding, Copying, Pixels

Task = Adding | Copying | Pixels
SEED = 20151120  # the day the paper appeared
GET_CUDA = "install a CUDA build of torch on a machine with a GPU"


@dataclass(frozen=True)
class Workload:
    """A cell made ready.

    Attributes:
        cell: what it is.
        run: the call to time. It returns when the work is done, on any device; what it returns depends on
            the work, so that nothing can be optimised away: the last output, or the loss.
        model: the recurrent module inside.
        enqueue: the same call, which on CUDA returns as soon as the work is queued.
    """

    cell: Cell
    run: Callable[[], Tensor]
    model: nn.Module
    enqueue: Callable[[], Tensor]


def is_here(device: str) -> bool:
    """Whether this machine has such a device and torch sees it."""
    return device != "cuda" or torch.cuda.is_available()


def require_device(device: str) -> None:
    """Raises RuntimeError where `device` is "cuda" and torch sees none."""
    if not is_here(device):
        raise RuntimeError(
            f"device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu, or {GET_CUDA}"
        )


def require_cuda() -> None:
    """Raises RuntimeError where torch sees no CUDA device, for what runs on nothing else."""
    if not is_here("cuda"):
        raise RuntimeError(f"this needs a CUDA device and torch sees none here; {GET_CUDA}")


def build(cell: Cell) -> Workload:
    """Builds the cell's model and data from a fixed seed.

    Raises:
        RuntimeError: the cell's device is absent, memory does not suffice, or the work cannot be captured.
    """
    require_device(cell.device)
    set_tf32(cell.dtype == "tf32")
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    task = TASKS[cell.task](cell.length)
    x, target = task.sample(cell.batch, generator)
    dtype = TENSORS[cell.dtype]
    x, target = x.to(cell.device, dtype), target.to(cell.device)

    row = subjects.get(cell.model)
    options: dict[str, str | int] = {} if len(row.backends) == 1 else {"backend": cell.implementation}
    if cell.num_layers > 1:
        options["num_layers"] = cell.num_layers
    rnn = row.build(task.input_size, cell.hidden_size, device=cell.device, dtype=dtype, **options)
    if cell.phase == "train":
        work = _train(rnn, row, cell, x, target, task)
    elif cell.phase == "stream":
        work = _stream(rnn, x)
    else:
        work = inference(rnn, x)
    if cell.captured:
        work = captured(work)
    return Workload(cell, _synchronised(work) if cell.device == "cuda" else work, rnn, work)


def inference(rnn: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """A call that runs the module over a whole batch (T, B, m), without gradients."""
    _fold_parametrizations(rnn.eval())

    @torch.inference_mode()
    def run() -> Tensor:
        # The whole output would outlive the call, and the next one would pay for fresh memory in its place.
        return rnn(x)[0][-1].clone()

    return run


def _stream(rnn: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    _fold_parametrizations(rnn.eval())
    with torch.inference_mode():
        state = rnn(x)[1]

    @torch.inference_mode()
    def run() -> Tensor:
        nonlocal state
        output, state = rnn(x, state)
        return output

    return run


def _train(rnn: nn.Module, row: Model, cell: Cell, x: Tensor, target: Tensor, task: Task) -> Callable[[], Tensor]:
    features = row.output_per_unit * cell.hidden_size
    read_out = nn.Linear(features, task.output_size, device=x.device, dtype=x.dtype)
    optimiser = torch.optim.RMSprop(
        [*rnn.parameters(), *read_out.parameters()],
        lr=1e-3,
        alpha=0.9,
        eps=epsilon_of_rmsprop(cell.dtype),
        capturable=cell.captured,
    )
    rnn.train()

    def loss() -> Tensor:
        output, state = rnn(x)
        return task.loss(read_out(task.read(output, row.last_output(output, state))), target)

    return training_step(loss, optimiser)


def training_step(loss_of: Callable[[], Tensor], optimiser: torch.optim.Optimizer) -> Callable[[], Tensor]:
    """A call that takes one step of an optimiser, on a loss that is computed anew each time."""

    def run() -> Tensor:
        loss = loss_of()
        loss.backward()
        optimiser.step()
        # At the end, so that a step holds no gradients before it starts and its peak counts its own.
        optimiser.zero_grad(set_to_none=True)
        return loss.detach()

    return run


def _fold_parametrizations(rnn: nn.Module) -> None:
    """Writes each parametrized weight out as a plain one, as anyone would who serves the model."""
    for module in rnn.modules():
        if parametrize.is_parametrized(module):
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def _synchronised(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A CUDA call returns once it is queued; this one returns once it is done."""

    def run_to_the_end() -> Tensor:
        result = run()
        torch.cuda.synchronize()
        return result

    return run_to_the_end
