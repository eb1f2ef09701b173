"""What a mutation changes, and what the oracle calls the same question."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from urnn.coverage.inputs import Inputs, Oracle
from urnn.tasks import Adding, Copying


class TestInputs:
    def test_numbers_stay_between_their_bounds(self, generator):
        x = torch.rand(8, 50, 3, generator=generator)
        inputs = Inputs.of(x, noise=0.5)
        changed = inputs.changed(x, generator)
        assert (inputs.low, inputs.high) == (float(x.min()), float(x.max()))
        assert float(changed.min()) == inputs.low
        assert float(changed.max()) == inputs.high

    def test_noise_is_a_share_of_the_range(self, generator):
        x = torch.full((50, 50, 2), 5.0)
        inputs = Inputs(-10.0, 10.0, (0, 1), (), noise=0.01)
        change = inputs.changed(x, generator) - x
        assert float(change.std()) == pytest.approx(0.2, rel=0.05)
        assert abs(float(change.mean())) < 0.02

    def test_marks_stay_and_numbers_change(self, generator):
        x, _ = Adding(20).sample(30, generator)
        inputs = Inputs.of(x)
        changed = inputs.changed(x, generator)
        assert (inputs.numeric, inputs.symbolic) == ((0,), ())
        assert torch.equal(changed[..., 1], x[..., 1])
        assert float((changed != x)[..., 0].double().mean()) > 0.9

    def test_symbols_are_exchanged_for_symbols(self, generator):
        x, _ = Copying(30).sample(20, generator)
        inputs = Inputs.of(x)
        changed = inputs.changed(x, generator)
        assert (inputs.numeric, len(inputs.symbolic)) == ((), x.shape[2])
        assert torch.equal(changed.sum(2), torch.ones(x.shape[:2]))
        share = float((changed != x).any(2).double().mean())
        assert share == pytest.approx(inputs.share * (1 - 1 / x.shape[2]), rel=0.3)

    def test_a_step_is_of_numbers_alone_and_within_bounds(self):
        inputs = Inputs(0.0, 1.0, (0,), ())
        x = torch.tensor([[[0.9, 0.0]]])
        assert inputs.stepped(x, torch.full_like(x, 0.3)).flatten().tolist() == [1.0, 0.0]

    def test_symbols_have_no_direction(self):
        inputs = Inputs.of(one_hot(torch.tensor([[0, 1]]), 2).float())
        sentence = "^the inputs are symbols, which have no gradient; take the random or genetic generator$"
        with pytest.raises(ValueError, match=sentence):
            inputs.stepped(torch.zeros(1, 1, 2), torch.zeros(1, 1, 2))

    def test_marks_alone_are_refused(self):
        sentence = "^every feature is 0 or 1 and they are no symbols, so there is nothing to change in them$"
        with pytest.raises(ValueError, match=sentence):
            Inputs.of(torch.ones(3, 2, 2))

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"noise": 0.0}, "noise must be a finite number above 0, got 0.0"),
            ({"noise": math.nan}, "noise must be a finite number above 0, got nan"),
            ({"share": 0.0}, "share must be a finite number above 0, got 0.0"),
            ({"share": 1.5}, "share must be at most 1, got 1.5"),
            ({"low": -math.inf}, "low must be a finite number, got -inf"),
            ({"high": math.nan}, "high must be a finite number, got nan"),
            (
                {"low": 1.0},
                "the numbers must have a range to change in, got bounds 1 and 1; give originals that differ, or "
                "bounds of your own",
            ),
        ],
    )
    def test_numbers_out_of_range_are_named(self, changes, sentence):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            Inputs(**{"low": 0.0, "high": 1.0, "numeric": (0,), "symbolic": (), **changes})

    @pytest.mark.parametrize(
        ("x", "sentence"),
        [
            (
                torch.full((3, 2, 2), 0.5),
                "the numbers must have a range to change in, got bounds 0.5 and 0.5; give ",
            ),
            (torch.zeros(3, 0, 2), r"inputs are read off sequences, got none in the shape \(3, 0, 2\)$"),
            (
                torch.tensor([[[0.5, math.nan]]]),
                "expected finite sequences, got NaN or infinity; how far a change",
            ),
            (
                torch.tensor([[[0.5, math.inf]]]),
                "expected finite sequences, got NaN or infinity; how far a change",
            ),
        ],
    )
    def test_sequences_that_say_nothing_of_changes_are_refused(self, x, sentence):
        with pytest.raises(ValueError, match=f"^{sentence}"):
            Inputs.of(x)


class TestOracle:
    def test_it_measures_the_norm_over_the_entries_changed(self):
        original = torch.zeros(2, 3, 2)
        x = original.clone()
        x[0, 0], x[1, 0] = torch.tensor([0.3, 0.0]), torch.tensor([0.4, 0.0])  # norm 0.5, two entries
        x[0, 1, 0] = 0.1
        assert Oracle().measure(x, original).tolist() == pytest.approx([0.25, 0.1, 0.0])

    def test_what_has_not_changed_is_no_test(self):
        x = torch.zeros(2, 1, 2)
        assert Oracle().inside(x, x).tolist() == [False]

    @pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf])
    def test_a_radius_out_of_range_is_named(self, radius):
        with pytest.raises(ValueError, match=rf"^radius must be a finite number above 0, got {radius}$"):
            Oracle(radius)
