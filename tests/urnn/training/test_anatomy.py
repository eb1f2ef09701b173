"""The figures of the paper's Figure 4, against the definition: autograd through the whole sequence at once."""

import pytest
import torch

from tests.urnn.training.tiny import logged, run, same_bits, stored, trainer
from urnn.models import MODELS
from urnn.tasks import Copying
from urnn.training.anatomy import dissect


def bound(steps: int, units: int) -> float:
    """Rounding of so many steps of sums over so many units."""
    return 10 * steps * units * torch.finfo().eps


def output_and_cost(made, batch):
    x, target = batch
    output, state = made.network.rnn(x)
    logits = made.network.read_out(made.problem.task.read(output, made.network.row.last_output(output, state)))
    return output, x.shape[1] * made.problem.task.loss(logits, target)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["copying", "adding"])
def test_states_are_those_of_the_whole_sequence(model, task):
    made = trainer(task=task, model=model)
    batch = made.stream.draw()
    output = output_and_cost(made, batch)[0].detach()
    found = dissect(made.network, batch)
    steps = output.shape[0]
    assert found["t"] == list(range(1, steps))
    limit = bound(steps, output.shape[-1]) * float(output.norm(dim=-1).max())
    assert found["state_norm"] == pytest.approx(output.norm(dim=-1).mean(1)[1:].tolist(), abs=limit)
    change = (output[1:] - output[:-1]).norm(dim=-1).mean(1)
    assert found["state_change"] == pytest.approx(change.tolist(), abs=limit)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["copying", "adding"])
def test_the_gradient_is_how_a_sequences_cost_changes_with_its_state(model, task):
    """One sequence; the state after step t is moved along a direction, and the rest is run from there."""
    made = trainer(task=task, model=model, batch=1).network.double()
    x, target = trainer(task=task, model=model, batch=1).stream.draw()
    x, target = x.double(), target if task == "copying" else target.double()
    found = dissect(made, (x, target))
    for t in (1, x.shape[0] - 2):
        output, state = made.rnn(x[: t + 1])
        h, rest = (state[0], state[1:]) if isinstance(state, tuple) else (state, None)
        h = h.detach().requires_grad_()
        moved = (h, *(part.detach() for part in rest)) if rest else h
        after = made.rnn(x[t + 1 :], moved)
        whole = torch.cat([output[:t], made.row.last_output(output, moved)[None], after[0]])
        logits = made.read_out(made.task.read(whole, made.row.last_output(*after)))
        (gradient,) = torch.autograd.grad(made.task.loss(logits, target), h)
        assert found["gradient_norm"][t - 1] == pytest.approx(float(gradient.norm()), rel=1e-9)


def test_a_unitary_network_passes_every_gradient_on_in_full():
    """Without a bias, modReLU is the identity and W turns: |dC/dh_t| is the same at every t where only the last
    step is read."""
    made = trainer(task="adding", hidden_size=16)
    norms = dissect(made.network, made.stream.draw())["gradient_norm"]
    assert norms == pytest.approx([norms[-1]] * len(norms), rel=bound(10, 32))


def test_parameters_gradients_and_values_are_left_alone():
    made = trainer()
    before = [parameter.clone() for parameter in made.network.parameters()]
    dissect(made.network, made.stream.draw())
    assert all(parameter.grad is None for parameter in made.network.parameters())
    assert all(map(torch.equal, before, made.network.parameters()))


def test_a_run_logs_it_at_its_start_and_after_a_hundred_iterations(tmp_path):
    run(tmp_path, with_anatomy=True, max_iterations=101, evaluate_every=200, hidden_size=4)
    lines = [line for line in logged(tmp_path) if line["kind"] == "anatomy"]
    assert [line["iteration"] for line in lines] == [0, 100]
    names = ("t", "state_norm", "state_change", "gradient_norm")
    assert all(len(line[name]) == Copying(30).length - 1 for line in lines for name in names)


def test_a_run_without_it_trains_to_the_same_bits(tmp_path):
    run(tmp_path / "with", with_anatomy=True)
    run(tmp_path / "without")
    assert same_bits(stored(tmp_path / "with"), stored(tmp_path / "without"))
