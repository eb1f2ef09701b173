"""Each phase does the work it is named after, on the task's own data, the same at every build."""

from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import parametrize

from bench import subjects
from bench.grid import Cell
from bench.workloads import SEED, build, require_device
from tests.bench.cells import VARIANTS, cell
from urnn import models
from urnn.tasks import TASKS

every_variant = pytest.mark.parametrize("variant", VARIANTS)


def data(tested: Cell) -> Tensor:
    x, _ = TASKS[tested.task](tested.length).sample(tested.batch, torch.Generator().manual_seed(SEED))
    return x.to(getattr(torch, tested.dtype))


def seen_by(module: nn.Module, run: Callable[[], Tensor]) -> list[Tensor]:
    """The sequences that `run` hands to the model."""
    seen: list[Tensor] = []
    with torch.no_grad():
        handle = module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    run()
    handle.remove()
    return seen


# About ln 9 and ln 10, a guess over the classes; a guess between 0 and 1 at four sums of two U(0, 1).
FIRST_LOSS = {"copying": (1, 4), "pixels": (1, 4), "adding": (0.05, 4)}


@every_variant
@pytest.mark.parametrize("task", TASKS)
class TestTrain:
    def test_one_call_changes_every_parameter(self, variant, task):
        workload = build(cell(variant, task=task, hidden_size=8, length=25, batch=4))
        before = [parameter.detach().clone() for parameter in workload.model.parameters()]
        assert before
        workload.run()
        names = [name for name, _ in workload.model.named_parameters()]
        for name, old, new in zip(names, before, workload.model.parameters(), strict=True):
            assert not torch.equal(old, new), f"{name} stands still"

    def test_its_loss_is_the_tasks_and_falls(self, variant, task):
        workload = build(cell(variant, task=task, hidden_size=8, length=25, batch=4))
        losses = [workload.run() for _ in range(12)]
        assert all(loss.shape == () and not loss.requires_grad for loss in losses)
        low, high = FIRST_LOSS[task]
        assert low < losses[0] < high
        assert losses[-1] < min(losses[:3])

    def test_nothing_is_left_of_its_gradients(self, variant, task):
        workload = build(cell(variant, task=task))
        assert workload.model.training
        workload.run()
        assert all(parameter.grad is None for parameter in workload.model.parameters())


@every_variant
@pytest.mark.parametrize("phase", ["forward", "stream"])
class TestInference:
    def test_it_records_no_gradients_and_changes_no_weights(self, variant, phase):
        workload = build(cell(variant, phase=phase))
        before = {name: value.clone() for name, value in workload.model.state_dict().items()}
        output = workload.run()
        assert output.is_inference()
        assert not output.requires_grad
        assert not workload.model.training
        for name, value in workload.model.state_dict().items():
            assert torch.equal(value, before[name])

    @pytest.mark.parametrize("task", [task for task in TASKS if task != "adding"])  # no sum in a stream's one step
    def test_parametrizations_are_folded_and_the_output_is_the_unfolded_models(self, variant, phase, task):
        tested = cell(variant, phase=phase, task=task, hidden_size=8)
        workload = build(tested)
        assert not any(parametrize.is_parametrized(module) for module in workload.model.modules())

        torch.manual_seed(SEED)
        row = models.get(tested.model)
        options = {} if row.backends == ("torch",) else {"backend": tested.backend}
        unfolded = row.build(TASKS[task].input_size, 8, **options).eval()
        x = data(tested)
        with torch.inference_mode():
            expected = unfolded(x)[0][-1] if phase == "forward" else unfolded(torch.cat([x, x]))[0][-1:]
        # a few roundings of sums of 8 + 10 terms of size 1
        torch.testing.assert_close(workload.run(), expected, rtol=0, atol=64 * torch.finfo(torch.float32).eps)


@every_variant
def test_a_forward_call_reads_the_whole_sequence_anew(variant):
    tested = cell(variant, phase="forward", length=7)
    workload = build(tested)
    outputs = []
    workload.model.register_forward_hook(lambda module, inputs, output: outputs.append(output[0]))
    first, again = workload.run(), workload.run()
    assert [len(output) for output in outputs] == [7, 7]
    assert torch.equal(first, outputs[0][-1])
    assert torch.equal(again, first)


@every_variant
def test_nothing_as_large_as_the_output_outlives_a_forward_call(variant):
    result = build(cell(variant, phase="forward", length=7)).run()
    assert result.untyped_storage().nbytes() == result.numel() * result.element_size()


@every_variant
def test_a_stream_carries_its_state_from_call_to_call(variant):
    """The state before the first call is that after one step: calls 1, 2, 3 are steps 2, 3, 4."""
    tested = cell(variant, phase="stream", hidden_size=8, dtype="float64")
    workload = build(tested)
    calls = [workload.run() for _ in range(3)]
    with torch.inference_mode():
        at_once = workload.model(data(tested).expand(4, -1, -1))[0]
    assert [call.shape[:2] for call in calls] == [(1, 1)] * 3
    torch.testing.assert_close(torch.cat(calls), at_once[1:], rtol=0, atol=64 * torch.finfo(torch.float64).eps)
    assert not torch.equal(calls[0], calls[1])


@every_variant
@pytest.mark.parametrize("phase", ["forward", "train"])
def test_copying_is_read_one_symbol_a_step(variant, phase):
    (x,) = seen_by((workload := build(cell(variant, phase=phase, length=25))).model, workload.run)
    assert x.shape == (25, 2, 10)
    assert torch.equal(x.sum(-1), torch.ones(25, 2))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert len(x.argmax(-1).unique()) > 3


@pytest.mark.parametrize("phase", ["forward", "train"])
def test_pixels_are_scanned_digits(phase):
    (x,) = seen_by((workload := build(cell(phase=phase, task="pixels", length=64))).model, workload.run)
    images = torch.from_numpy(load_digits().data / 16).float()
    assert x.shape == (64, 2, 1)
    for sequence in x.squeeze(-1).T:
        assert (images == sequence).all(1).any()


def test_every_model_reads_the_same_data_at_every_build():
    def sequence(variant: str) -> Tensor:
        workload = build(cell(variant, length=25))
        return seen_by(workload.model, workload.run)[0]

    expected = data(cell(length=25))
    assert all(torch.equal(sequence(variant), expected) for variant in [*VARIANTS, VARIANTS[0]])


@every_variant
def test_two_builds_have_the_same_weights_and_the_same_loss(variant):
    one, other = build(cell(variant)), build(cell(variant))
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one.run(), other.run())


@every_variant
@pytest.mark.parametrize("phase", ["forward", "train", "stream"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_weights_data_and_result(variant, phase, dtype):
    workload = build(cell(variant, phase=phase, dtype=dtype))
    assert {parameter.dtype for parameter in workload.model.parameters()} == {getattr(torch, dtype)}
    assert {x.dtype for x in seen_by(workload.model, workload.run)} == {getattr(torch, dtype)}
    assert workload.run().dtype == getattr(torch, dtype)


@every_variant
def test_the_model_has_the_cells_size_and_the_registrys_parameters(variant):
    tested = cell(variant, hidden_size=16)
    parameters = sum(parameter.numel() for parameter in build(tested).model.parameters())
    assert parameters == models.get(tested.model).parameters(10, 16)


def test_the_backend_of_the_cell_is_the_one_that_is_built(monkeypatch):
    asked = []
    row = models.get("urnn")

    class Row:
        backends, output_per_unit = row.backends, row.output_per_unit

        @staticmethod
        def build(*sizes, **options):
            asked.append(options["backend"])
            return row.build(*sizes, **options)

    asked_for = Cell("urnn", "reference", "train", "cpu", "float32", 4, 3, 2)
    monkeypatch.setattr(subjects, "get", lambda name: Row)
    build(asked_for)
    assert asked == ["reference"]


@pytest.mark.usefixtures("without_gpu")
def test_cuda_without_a_gpu_is_refused_with_what_to_do():
    message = (
        "^device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu, "
        "or install a CUDA build of torch on a machine with a GPU$"
    )
    with pytest.raises(RuntimeError, match=message):
        build(cell(device="cuda"))
    with pytest.raises(RuntimeError, match=message):
        require_device("cuda")
    require_device("cpu")


@pytest.mark.cuda
@every_variant
@pytest.mark.parametrize("phase", ["forward", "train", "stream"])
def test_on_cuda_a_call_returns_when_the_work_is_done(variant, phase):
    workload = build(cell(variant, phase=phase, device="cuda"))
    result = workload.run()
    assert torch.cuda.current_stream().query()
    assert result.device.type == "cuda"
