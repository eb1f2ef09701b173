"""Neuron selection against its definition, and what `compact` returns against the gated net."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

from urnn.baselines.native import NativeLSTM
from urnn.pruning import HardConcrete, MagnitudePruning, NeuronSelection, StackedLSTM

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
dtypes = pytest.mark.parametrize("dtype", TOLERANCES)


def spread(gates: HardConcrete, closed: int) -> None:
    """So many gates closed, the others anywhere between nearly closed and open."""
    with torch.no_grad():
        gates.log_a.copy_(torch.linspace(-1.5, 4, gates.log_a.numel()))
        gates.log_a[torch.randperm(gates.log_a.numel())[:closed]] = -5


def selection(*, inputs=6, units=9, closed=(2, 4), dtype=torch.float32, kind=nn.LSTM, **options):
    """Closed gates of the inputs, and of each layer's units."""
    made = NeuronSelection(kind(inputs, units, num_layers=len(closed) - 1, dtype=dtype, **options))
    spread(made.inputs, closed[0])
    for gates, count in zip(made.units, closed[1:], strict=True):
        spread(gates, count)
    return made


def by_definition(lstm: nn.LSTM, gates: list[list[float]], x: list[list[float]]) -> list[list[float]]:
    """The last layer's output at each step for one sequence, every number computed alone."""

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    n, below = lstm.hidden_size, gates[0]
    for layer, z in enumerate(gates[1:]):
        W, U, b, d = (
            getattr(lstm, f"{name}_l{layer}").tolist() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, c, read = [0.0] * n, [0.0] * n, []
        for x_t in x:
            pre = [
                sum(W[row][j] * below[j] * x_t[j] for j in range(len(x_t)))
                + sum(U[row][j] * z[j] * h[j] for j in range(n))
                + b[row]
                + d[row]
                for row in range(4 * n)
            ]
            i, f, g, o = (pre[part * n : (part + 1) * n] for part in range(4))
            c = [sigmoid(f[k]) * c[k] + sigmoid(i[k]) * math.tanh(g[k]) for k in range(n)]
            h = [sigmoid(o[k]) * math.tanh(c[k]) for k in range(n)]
            read.append(h)
        x, below = read, z
    return [[z[k] * h_t[k] for k in range(n)] for h_t in x]


class TestDefinition:
    @pytest.mark.parametrize("training", [False, True])
    def test_the_gated_net_is_the_definition_with_one_draw_a_sequence(self, training, monkeypatch):
        made = selection(inputs=3, units=4, closed=(1, 1, 2), dtype=torch.float64).train(training)
        x = torch.randn(5, 2, 3, dtype=torch.float64)
        torch.manual_seed(11)
        gates = [gate.expand(2, -1) for gate in made.gates(2)]
        torch.manual_seed(11)
        output, (h_n, _) = made(x)
        for b in range(2):
            expected = by_definition(made.lstm, [gate[b].tolist() for gate in gates], x[:, b].tolist())
            assert output[:, b].tolist() == [pytest.approx(row, abs=1e-12) for row in expected]
        assert torch.equal(h_n[-1], output[-1])
        assert training == bool((gates[1][0] != gates[1][1]).any())

    def test_open_gates_leave_nn_lstm(self):
        lstm = nn.LSTM(3, 5, num_layers=2, dtype=torch.float64)
        made = NeuronSelection(lstm, first_log_a=50.0)
        x, hx = torch.randn(7, 2, 3).double(), (torch.randn(2, 2, 5).double(), torch.randn(2, 2, 5).double())
        (output, state), (expected, last) = made(x, hx), lstm(x, hx)
        assert torch.allclose(output, expected, atol=1e-12)
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(state, last, strict=True))

    def test_dropout_is_between_layers_and_in_training_alone(self):
        made = selection(closed=(0, 0, 0), dropout=0.5)
        with torch.no_grad():
            for gate in (made.inputs, *made.units):
                gate.log_a.fill_(50)
        x = torch.randn(5, 2, 6)
        assert not torch.equal(made(x)[0], made(x)[0])
        made.eval()
        assert torch.equal(made(x)[0], made(x)[0])

    def test_a_sequence_may_be_handed_on_in_pieces(self):
        made = selection(closed=(1, 3, 2)).eval()
        x = torch.randn(6, 2, 6)
        whole, last = made(x)
        first, state = made(x[:2])
        second, end = made(x[2:], state)
        assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(end, last, strict=True))


class TestPenalty:
    def test_it_is_that_of_a_hand_made_case(self):
        made = NeuronSelection(nn.LSTM(2, 4), input_multiplier=0.5, unit_multiplier=2.0)
        shift = 2 / 3 * math.log(0.1 / 1.1)
        with torch.no_grad():  # P(open) = 1/2 and 3/4 of the inputs, 1/5 of the units
            made.inputs.log_a.copy_(torch.tensor([0.0, math.log(3)]) + shift)
            made.units[0].log_a.fill_(-math.log(4) + shift)
        assert float(made.penalty().detach()) == pytest.approx(0.5 * (1 / 2 + 3 / 4) / 2 + 2.0 / 5, rel=1e-6)

    def test_every_gate_is_pushed_to_close(self):
        made = selection(closed=(1, 1, 1))
        made.penalty().backward()
        assert all((parameter.grad > 0).all() for parameter in made.gate_parameters())
        assert len(made.gate_parameters()) == 3

    def test_the_expected_number_of_weights_is_the_mean_over_draws(self):
        made = selection(closed=(2, 4, 3), bias=True)
        draws = 20_000
        a, b, c = ((gate.draw(draws) != 0).double().sum(1) for gate in (made.inputs, *made.units))
        left = 4 * b * (a + b + 2) + 4 * c * (b + c + 2) + 3 * c + 3
        assert made.expected_weights(outputs=3) == pytest.approx(
            float(left.mean()), abs=5 * float(left.std()) / draws**0.5
        )

    @pytest.mark.parametrize("bias", [True, False])
    def test_with_open_gates_it_is_the_number_of_parameters(self, bias):
        made = NeuronSelection(nn.LSTM(3, 5, num_layers=2, bias=bias), first_log_a=50.0)
        lstm = sum(parameter.numel() for parameter in made.lstm.parameters())
        assert made.expected_weights() == lstm
        assert made.expected_weights(outputs=7) == lstm + 7 * 6

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    @pytest.mark.parametrize("kind", [NeuronSelection, MagnitudePruning])
    def test_it_is_counted_exactly_whatever_the_weights_are_stored_in(self, kind, dtype):
        made = kind(nn.LSTM(1, 2101, dtype=dtype))
        for gates in made.gate_parameters():
            nn.init.constant_(gates, 50.0)
        assert made.expected_weights() == sum(parameter.numel() for parameter in made.lstm.parameters())

    @pytest.mark.parametrize(
        ("outputs", "error", "message"),
        [
            (-1, ValueError, "outputs must be at least 0, got -1"),
            (2.5, TypeError, "outputs must be a whole number, got float 2.5"),
        ],
    )
    @pytest.mark.usefixtures("as_a_user")
    def test_a_number_of_outputs_that_there_cannot_be(self, outputs, error, message):
        for count in (selection().expected_weights, selection().weights_left):
            with pytest.raises(error) as caught:
                count(outputs)
            assert str(caught.value) == message


class TestCompaction:
    @dtypes
    @pytest.mark.parametrize("closed", [(2, 4), (0, 0), (5, 8), (2, 4, 4), (2, 4, 6), (1, 0, 3, 8)])
    @pytest.mark.parametrize("batch_first", [False, True])
    def test_it_equals_the_gated_net(self, closed, batch_first, dtype):
        made = selection(closed=closed, batch_first=batch_first, dtype=dtype).eval()
        read_out = nn.Linear(9, 3, dtype=dtype)
        small, x = made.compact(read_out), torch.randn(4, 5, 6, dtype=dtype)
        (gated, (h, c)), (output, (h_n, c_n)) = made(x), small(x)
        bound = {"rtol": 0, "atol": TOLERANCES[dtype]}
        assert torch.allclose(small.read_out(output), read_out(gated), **bound)
        assert torch.allclose(output * small.scale, gated[..., small.units[-1]], **bound)
        assert torch.allclose(h_n[-1] * small.scale, h[-1][:, small.units[-1]], **bound)
        assert torch.allclose(c_n[-1], c[-1][:, small.units[-1]], **bound)
        assert [len(units) for units in small.units] == [9 - count for count in closed[1:]]
        assert small.inputs.tolist() == made.kept_inputs()
        assert [units.tolist() for units in small.units] == made.kept_units()
        assert made.weights_left(outputs=3) == small.parameter_count
        assert isinstance(small.rnn, nn.LSTM if len(set(closed[1:])) == 1 else StackedLSTM)

    @dtypes
    @pytest.mark.parametrize("closed", [(2, 4), (2, 4, 6)])
    @pytest.mark.parametrize("enforce_sorted", [False, True])
    def test_packed_sequences(self, closed, enforce_sorted, dtype):
        made = selection(closed=closed, dtype=dtype).eval()
        small = made.compact()
        lengths = [5, 3, 1] if enforce_sorted else [1, 5, 3]
        each = [torch.randn(steps, 6, dtype=dtype) for steps in lengths]
        packed = pack_sequence(each, enforce_sorted=enforce_sorted)
        (gated, (h, c)), (output, (h_n, c_n)) = made(packed), small(packed)
        assert isinstance(gated, PackedSequence)
        bound, kept = {"rtol": 0, "atol": TOLERANCES[dtype]}, small.units[-1]
        assert torch.allclose(output.data * small.scale, gated.data[:, kept], **bound)
        assert torch.allclose(h_n[-1] * small.scale, h[-1][:, kept], **bound)
        assert torch.allclose(c_n[-1], c[-1][:, kept], **bound)
        padded, found = pad_packed_sequence(gated)
        assert found.tolist() == lengths
        for b, sequence in enumerate(each):
            alone, (last, _) = made(sequence)
            assert torch.allclose(padded[: len(sequence), b], alone, **bound)
            assert torch.allclose(h[:, b], last, **bound)

    def test_a_first_state_of_packed_sequences_goes_to_the_sequence_it_was_given_for(self):
        made = selection(closed=(2, 4, 3), dtype=torch.float64).eval()
        small, each = made.compact(), [torch.randn(steps, 6).double() for steps in (2, 4, 3)]
        hx = tuple(torch.randn(2, 3, 9).double() for _ in range(2))
        packed = pack_sequence(each, enforce_sorted=False)
        (_, (h, c)), (_, (h_n, c_n)) = made(packed, hx), small(packed, small.cut_state(hx))
        assert torch.allclose(h_n[-1] * small.scale, h[-1][:, small.units[-1]], atol=1e-12)
        assert torch.allclose(c_n[-1], c[-1][:, small.units[-1]], atol=1e-12)
        for b, sequence in enumerate(each):
            alone, _ = made(sequence, (hx[0][:, b], hx[1][:, b]))
            assert torch.allclose(h[-1][b], alone[-1], atol=1e-12)

    def test_a_first_state_is_handed_to_both(self):
        made = selection(closed=(2, 4, 3), dtype=torch.float64).eval()
        small, x = made.compact(), torch.randn(4, 2, 6).double()
        h_0, c_0 = torch.randn(2, 2, 2, 9).double()
        gated, _ = made(x, (h_0, c_0))
        output, _ = small(x, small.cut_state((h_0, c_0)))
        assert torch.allclose(output * small.scale, gated[..., small.units[-1]], atol=1e-12)

    def test_a_single_sequence_without_a_batch(self):
        made = selection(closed=(2, 4, 3)).eval()
        small, x = made.compact(), torch.randn(4, 6)
        (gated, (h, _)), (output, (h_n, _)) = made(x), small(x)
        assert torch.allclose(output * small.scale, gated[..., small.units[-1]], atol=1e-5)
        assert h.shape == (2, 9)
        assert h_n[-1].shape == (6,)

    def test_the_wrapped_net_stays_as_it_is_and_the_small_one_is_its_own(self):
        made = selection(closed=(2, 4))
        before = [parameter.clone() for parameter in made.parameters()]
        small = made.compact()
        with torch.no_grad():
            for parameter in small.parameters():
                parameter.zero_()
        assert all(map(torch.equal, before, made.parameters()))
        assert all(parameter.requires_grad for parameter in small.parameters())

    def test_without_biases_and_by_torchs_own_kernels(self):
        made = selection(closed=(2, 4, 6), bias=False, kind=NativeLSTM).eval()
        small, x = made.compact(nn.Linear(9, 2, bias=False)), torch.randn(4, 2, 6)
        assert {type(layer) for layer in small.rnn.layers} == {NativeLSTM}
        assert torch.allclose(small(x)[0] * small.scale, made(x)[0][..., small.units[-1]], atol=1e-5)
        assert small.read_out.bias is None
        assert small.parameter_count == 4 * 5 * (4 + 5) + 4 * 3 * (5 + 3) + 2 * 3

    def test_it_is_saved_and_loaded(self):
        made = selection(closed=(2, 4, 6)).eval()
        small, other = made.compact(nn.Linear(9, 2)), made.compact(nn.Linear(9, 2))
        with torch.no_grad():
            for tensor in other.state_dict().values():
                tensor.zero_()
        other.load_state_dict(small.state_dict())
        x = torch.randn(4, 2, 6)
        assert torch.equal(other(x)[0], small(x)[0])
        assert torch.equal(other.read_out.weight, small.read_out.weight)


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: nn.GRU(3, 4), TypeError, "lstm must be an nn.LSTM, got GRU"),
            (
                lambda: nn.LSTM(3, 4, bidirectional=True),
                ValueError,
                "lstm must have one direction, got bidirectional=True; a unit's gate would have to serve two "
                "layers that read it from both ends. Wrap an nn.LSTM with bidirectional=False",
            ),
            (
                lambda: nn.LSTM(3, 4, proj_size=2),
                ValueError,
                "lstm must have no projection, got proj_size=2; a projection mixes the units, so that none can be "
                "cut. Wrap an nn.LSTM with proj_size=0",
            ),
        ],
    )
    @pytest.mark.usefixtures("as_a_user")
    def test_what_cannot_be_wrapped(self, make, error, message):
        with pytest.raises(error) as caught:
            NeuronSelection(make())
        assert str(caught.value) == message

    @pytest.mark.parametrize("name", ["input_multiplier", "unit_multiplier"])
    @pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
    def test_a_multiplier_below_0(self, name, value):
        with pytest.raises(ValueError) as caught:
            NeuronSelection(nn.LSTM(3, 4), **{name: value})
        assert str(caught.value) == f"{name} must be a finite number of at least 0, got {value}"

    @pytest.mark.parametrize("name", ["input_multiplier", "unit_multiplier", "first_log_a"])
    @pytest.mark.parametrize("value", ["1", True, None])
    @pytest.mark.usefixtures("as_a_user")
    def test_what_is_no_number(self, name, value):
        with pytest.raises(TypeError) as caught:
            NeuronSelection(nn.LSTM(3, 4), **{name: value})
        assert str(caught.value) == f"{name} must be a number, got {type(value).__name__} {value!r}"

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_a_first_log_a_that_is_not_finite(self, value):
        with pytest.raises(ValueError) as caught:
            NeuronSelection(nn.LSTM(3, 4), first_log_a=value)
        assert str(caught.value) == f"first_log_a must be a finite number, got {value}"

    @pytest.mark.parametrize("which", [slice(None), slice(1)])
    def test_gates_that_are_not_numbers_are_not_taken_for_closed(self, which):
        made = selection()
        with torch.no_grad():
            made.units[0].log_a[which] = math.nan
        with pytest.raises(ValueError) as caught:
            made.compact()
        count = len(made.units[0].log_a[which])
        assert str(caught.value) == (
            f"{count} gates are not numbers, so training has diverged; train again with a smaller learning rate "
            "of the gates"
        )

    @pytest.mark.parametrize(
        ("closed", "message"),
        [
            (
                (6, 0),
                "every gate of the 6 inputs is closed, so nothing is left to compact; lower input_multiplier, "
                "which is 0.3, and train again",
            ),
            (
                (0, 9),
                "every gate of the 9 units is closed, so nothing is left to compact; lower unit_multiplier, "
                "which is 5, and train again",
            ),
            (
                (0, 3, 9),
                "every gate of the 9 units of layer 1 is closed, so nothing is left to compact; lower "
                "unit_multiplier, which is 5, and train again",
            ),
        ],
    )
    def test_nothing_left(self, closed, message):
        with pytest.raises(ValueError) as caught:
            selection(closed=closed).compact()
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("read_out", "error", "message"),
        [
            (
                nn.Linear(8, 2),
                ValueError,
                "read_out must read the 9 features of the last layer, got an nn.Linear of 8",
            ),
            (nn.Tanh(), TypeError, "read_out must be an nn.Linear or None, got Tanh"),
        ],
    )
    @pytest.mark.usefixtures("as_a_user")
    def test_a_read_out_that_does_not_fit(self, read_out, error, message):
        with pytest.raises(error) as caught:
            selection().compact(read_out)
        assert str(caught.value) == message
