"""What nets under gates and small nets are called with: what nothing reads, and calls that are refused."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_sequence

from tests.urnn.pruning.test_neurons import selection
from urnn import URNN
from urnn.pruning import Compacted, ContractedRNN, MagnitudePruning, NeuronSelection, UnitarySelection

UNITARY = torch.eye(4).to(torch.complex64)  # of which nothing is warned


def of_urnn(**options) -> UnitarySelection:
    return UnitarySelection(URNN(3, 4, backend="reference", **options), first_log_a=50.0)


def contracted(**changes) -> ContractedRNN:
    parts = {"W": UNITARY, "V": torch.ones(8, 3), "b": torch.zeros(4), "h_0": torch.ones(8)}
    return ContractedRNN(**{**parts, **changes})


COMPLEX = {"UnitarySelection": of_urnn, "ContractedRNN": contracted}
complex_nets = pytest.mark.parametrize("name", COMPLEX)


class TestWhatIsBehindAClosedGate:
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    @pytest.mark.parametrize("closed", [(2, 4), (1, 5, 3)])
    @pytest.mark.parametrize("packed", [False, True])
    def test_it_is_not_read(self, value, closed, packed):
        made = selection(closed=closed).eval()
        small, layers = made.compact(), len(closed) - 1
        x, h_0, c_0 = torch.randn(5, 2, 6), torch.randn(layers, 2, 9), torch.randn(layers, 2, 9)
        x[..., list(set(range(6)) - set(made.kept_inputs()))] = value
        for layer, units in enumerate(made.kept_units()):
            for state in (h_0, c_0):
                state[layer][:, list(set(range(9)) - set(units))] = value
        given = pack_sequence([x[:, 0], x[:3, 1]]) if packed else x
        (gated, (h_n, c_n)), (output, _) = made(given, (h_0, c_0)), small(given, small.cut_state((h_0, c_0)))
        gated, output = (part.data if packed else part for part in (gated, output))
        assert torch.allclose(gated[..., small.units[-1]], output * small.scale, atol=1e-5)
        assert all(part.isfinite().all() for part in (gated, h_n, c_n))
        gated.sum().backward()
        assert all(part.grad is None or part.grad.isfinite().all() for part in made.parameters())

    def test_it_is_not_read_of_a_urnn(self):
        made = of_urnn().eval()
        with torch.no_grad():
            made.inputs.log_a[1] = made.units[0].log_a[2] = -9
        x, h_0 = torch.randn(5, 2, 3), torch.randn(1, 2, 4, dtype=torch.complex64)
        clean = made(x.clone(), h_0.clone())[0]
        x[..., 1], h_0[..., 2] = math.nan, math.nan
        assert torch.equal(made(x, h_0)[0], clean)

    def test_what_is_behind_an_open_gate_is(self):
        x = torch.randn(5, 2, 6)
        x[3, 0, 0] = math.nan
        assert selection(closed=(0, 0)).eval()(x)[0][3, 0].isnan().any()


class TestSubclassesOfLSTM:
    def test_parametrised_weights_come_out_plain(self):
        lstm = weight_norm(nn.LSTM(3, 6, num_layers=2), "weight_hh_l0")
        made, read_out, x = NeuronSelection(lstm).eval(), nn.Linear(6, 2), torch.randn(5, 2, 3)
        with torch.no_grad():
            made.units[0].log_a[:2] = -9
        small = made.compact(read_out)
        assert type(small.rnn.layers[0]) is nn.LSTM
        assert torch.allclose(small.read_out(small(x)[0]), read_out(made(x)[0]), atol=1e-5)

    def test_one_that_is_built_otherwise_is_not_compacted(self):
        class Narrow(nn.LSTM):
            def __init__(self, hidden_size: int) -> None:
                super().__init__(3, hidden_size)

        with pytest.raises(TypeError) as caught:
            NeuronSelection(Narrow(4)).compact()
        assert str(caught.value).startswith("a smaller Narrow cannot be built with nn.LSTM's arguments (")
        assert str(caught.value).endswith("); wrap an nn.LSTM with its weights")

    @pytest.mark.parametrize("wrap", [NeuronSelection, MagnitudePruning])
    def test_one_with_parameters_of_its_own_is_not_wrapped(self, wrap):
        lstm = nn.LSTM(3, 4)
        lstm.peephole = nn.Parameter(torch.zeros(4))
        with pytest.raises(TypeError) as caught:
            wrap(lstm)
        assert str(caught.value) == (
            "lstm must have nn.LSTM's weights alone, and this LSTM also has peephole, which would be left out; "
            "wrap an nn.LSTM without it (of torch's two weight norms, that of torch.nn.utils.parametrizations)"
        )


class TestNoSequences:
    """As of nn.LSTM, the output is empty."""

    @pytest.mark.parametrize("make", [lambda: nn.LSTM(6, 9), lambda: selection(closed=(2, 4))])
    def test_of_an_lstm(self, make):
        output, (h_n, _) = make()(torch.zeros(5, 0, 6))
        assert output.shape == (5, 0, 9)
        assert h_n.shape == (1, 0, 9)

    @complex_nets
    @pytest.mark.parametrize("with_state", [False, True])
    def test_of_a_urnn(self, name, with_state):
        h_0 = torch.zeros(1, 0, 4, dtype=torch.complex64) if with_state else None
        output, h_n = COMPLEX[name]()(torch.zeros(5, 0, 3), h_0)
        assert output.shape == (5, 0, 8)
        assert h_n.shape == (1, 0, 4)


@pytest.mark.usefixtures("as_a_user")
class TestComplexNets:
    @complex_nets
    @pytest.mark.parametrize(
        ("input", "state", "error", "message"),
        [
            ("x", None, TypeError, "input must be a Tensor or a PackedSequence, got str"),
            (torch.zeros(3), None, ValueError, "Expected input to be 2D or 3D, got 1D instead"),
            (torch.zeros(5, 2, 3, 1), None, ValueError, "Expected input to be 2D or 3D, got 4D instead"),
            (
                torch.zeros(5, 2, 7),
                None,
                RuntimeError,
                "expected an input (T, B, 3) with T of at least 1, got (5, 2, 7)",
            ),
            (
                torch.zeros(5, 2, 3).double(),
                None,
                ValueError,
                "Expected input to be torch.float32, got torch.float64; convert one of the two",
            ),
            (
                torch.zeros(5, 2, 3),
                torch.zeros(1, 2, 4),
                ValueError,
                "Expected h_0 to be torch.complex64, got torch.float32; torch.complex(re, im) makes one",
            ),
            (
                torch.zeros(5, 2, 3),
                (torch.zeros(1, 2, 4),) * 2,
                TypeError,
                "h_0 must be a complex Tensor or None, got tuple; there is one state, no cell",
            ),
            (
                torch.zeros(5, 2, 3),
                torch.zeros(1, 3, 4, dtype=torch.complex64),
                RuntimeError,
                "expected a state of shape [(1, 2, 4)], got [(1, 3, 4)]",
            ),
        ],
    )
    def test_calls_that_are_refused(self, name, input, state, error, message):
        with pytest.raises(error) as caught:
            COMPLEX[name]()(input, state)
        assert str(caught.value) == f"{name}: {message}"

    @complex_nets
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("packed", [False, True])
    def test_under_autocast_they_compute_in_their_own_precision(self, name, dtype, packed):
        net, x = COMPLEX[name]().eval(), torch.randn(5, 2, 3).to(dtype)
        given, exact = (pack_sequence(list(one.unbind(1))) if packed else one for one in (x, x.float()))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output, h_n = net(given)
        expected, last = net(exact)
        assert torch.equal(*(part.data if packed else part for part in (output, expected)))
        assert torch.equal(h_n, last)

    def test_a_packed_sequence_of_another_dtype(self):
        packed = pack_sequence([torch.zeros(5, 3).double()])
        for name, make in COMPLEX.items():
            with pytest.raises(ValueError, match=f"{name}: Expected input to be .*32, got .*64"):
                make()(packed)

    @pytest.mark.parametrize(
        ("changes", "got"),
        [
            ({"W": torch.eye(4, 3).to(torch.complex64)}, "(4, 3), (8, 3), (4,), (8,)"),
            ({"V": torch.ones(4, 3)}, "(4, 4), (4, 3), (4,), (8,)"),
            ({"b": torch.zeros(8)}, "(4, 4), (8, 3), (8,), (8,)"),
            ({"h_0": torch.zeros(4)}, "(4, 4), (8, 3), (4,), (4,)"),
        ],
    )
    def test_parts_that_do_not_belong_together(self, changes, got):
        with pytest.raises(ValueError) as caught:
            contracted(**changes)
        assert str(caught.value) == f"W, V, b and h_0 must be (k, k), (2k, m), (k,) and (2k,), got {got}"

    @pytest.mark.parametrize(
        ("changes", "got"),
        [
            ({"W": torch.eye(4)}, "float32, torch.float32, torch.float32, torch.float32"),
            ({"b": torch.zeros(4).double()}, "complex64, torch.float32, torch.float64, torch.float32"),
        ],
    )
    def test_parts_of_several_dtypes(self, changes, got):
        with pytest.raises(ValueError) as caught:
            contracted(**changes)
        assert str(caught.value) == (
            f"W must be complex, and V, b and h_0 real of the same precision, got torch.{got}"
        )

    def test_half_precision(self):
        with pytest.raises(ValueError, match=r"ContractedRNN: Expected parameters to be torch\.float32"):
            contracted().half()(torch.zeros(5, 2, 3).half())


@pytest.mark.usefixtures("as_a_user")
class TestStatesToCut:
    def small(self, layers: int) -> Compacted:
        return selection(closed=(0, *([4] * layers))).compact()

    @pytest.mark.parametrize(
        ("hx", "error", "message"),
        [
            (torch.zeros(2, 1, 9), TypeError, "expected a state (h_0, c_0), got Tensor"),
            ((torch.zeros(1, 2, 9),), TypeError, "expected a state (h_0, c_0), got tuple of 1"),
            ((1.0, 2.0), TypeError, "expected h_0 and c_0 to be tensors, one a layer, got 1.0"),
            (
                (torch.zeros(1, 2, 5),) * 2,
                RuntimeError,
                "Expected h_0 of the whole net, of size (1, B, 9) or (1, 9), got (1, 2, 5)",
            ),
            (
                (torch.zeros(1, 2, 9), torch.zeros(2, 2, 9)),
                RuntimeError,
                "Expected c_0 of the whole net, of size (1, B, 9) or (1, 9), got (2, 2, 9)",
            ),
            (
                (torch.zeros(9),) * 2,
                RuntimeError,
                "Expected h_0 of the whole net, of size (1, B, 9) or (1, 9), got (9,)",
            ),
        ],
    )
    def test_of_an_lstm(self, hx, error, message):
        with pytest.raises(error) as caught:
            self.small(1).cut_state(hx)
        assert str(caught.value) == f"Compacted: {message}"

    @pytest.mark.parametrize("batch", [(), (2,)])
    def test_a_single_sequences_state_is_cut_as_well(self, batch):
        h, c = self.small(2).cut_state((torch.ones(2, *batch, 9), torch.ones(2, *batch, 9)))
        assert [part.shape for part in (h[0], h[1], c[1])] == [(*batch, 5)] * 3

    @pytest.mark.parametrize(
        ("hx", "error", "message"),
        [
            ((torch.zeros(1, 2, 4),) * 2, TypeError, "expected a state of one complex tensor, got tuple"),
            (
                torch.zeros(1, 2, 3),
                RuntimeError,
                "Expected h_0 of the whole net, of size (1, B, 4) or (1, 4), got (1, 2, 3)",
            ),
        ],
    )
    def test_of_a_urnn(self, hx, error, message):
        with pytest.raises(error) as caught:
            of_urnn().compact().cut_state(hx)
        assert str(caught.value) == f"Compacted: {message}"


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_tensor():
    made = selection(closed=(2, 4))
    for call in (made, made.compact()):
        with pytest.raises(TypeError, match=r": input must be a Tensor or a PackedSequence, got list$"):
            call([0.5])
    with pytest.raises(RuntimeError, match=r"^Compacted: Expected the whole input of 6 features"):
        made.compact()(torch.tensor(1.0))
    for state in (torch.zeros(2, 2, 9), 3, (1, 2)):
        with pytest.raises(TypeError, match=r"^LSTM: expected (a state \(h_0, c_0\)|h_0 and c_0 to be tensors)"):
            made(torch.zeros(5, 2, 6), state)


# In nn.LSTM's words.


@pytest.mark.parametrize("shape", [(4, 2, 5), (4, 5)])
def test_inputs_of_another_width_are_refused_in_nn_lstms_words(shape):
    x = torch.zeros(shape)
    with pytest.raises(RuntimeError) as expected:
        nn.LSTM(6, 9)(x)
    with pytest.raises(RuntimeError) as caught:
        selection()(x)
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("width", [3, 4, 5, 7])
@pytest.mark.parametrize("packed", [False, True])
def test_the_small_net_takes_the_whole_input_alone(width, packed):
    small, x = selection(closed=(2, 4)).compact(), torch.zeros(4, 2, width)
    with pytest.raises(RuntimeError) as caught:
        small(pack_sequence([x[:, 0], x[:2, 1]]) if packed else x)
    assert str(caught.value) == (
        "Compacted: Expected the whole input of 6 features, from which it picks 4, "
        f"got {width}; for an input that is cut already, call rnn"
    )


@pytest.mark.parametrize(("shape", "batch_first"), [((0, 2, 6), False), ((2, 0, 6), True), ((0, 6), True)])
def test_a_sequence_without_a_step(shape, batch_first):
    with pytest.raises(RuntimeError) as expected:
        nn.LSTM(6, 9, batch_first=batch_first)(torch.zeros(shape))
    with pytest.raises(RuntimeError) as caught:
        selection(batch_first=batch_first)(torch.zeros(shape))
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.usefixtures("as_a_user")
def test_a_state_that_is_no_pair(parts, batch):
    with pytest.raises(RuntimeError) as caught:
        selection()(torch.zeros(4, *batch, 6), (torch.zeros(1, *batch, 9),) * parts)
    assert str(caught.value) == f"lstm expects two hidden states (h_0, c_0), got {parts}"


def test_an_input_of_one_dimension():
    with pytest.raises(ValueError, match="Expected input to be 2D or 3D, got 1D instead"):
        selection()(torch.zeros(6))


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_state_of_another_width(batch_first):
    x, wrong = torch.zeros(4, 2, 6), torch.zeros(1, 4 if batch_first else 2, 8)
    with pytest.raises(RuntimeError, match="Expected hidden"):
        selection(batch_first=batch_first)(x, (wrong, wrong))
