"""What a metric is made, fitted, merged and loaded with, refused where it is wrong."""

import json
import math

import pytest
from torch import nn

from tests.urnn.coverage.test_metrics import INPUTS, MAKE, made, sequences
from urnn import coverage
from urnn.coverage import METRICS

pytestmark = pytest.mark.usefixtures("as_a_user")


class TestRefusals:
    @pytest.mark.parametrize("kind", ["GRU", "RNN", "URNN"])
    def test_gate_coverage_is_of_an_lstm(self, kind):
        with pytest.raises(ValueError) as told:
            coverage.GateCoverage(MAKE[kind]())
        assert str(told.value) == (
            f"gate coverage is the mean of an LSTM's forget gates, and this {kind} has none; "
            "take another metric, or an nn.LSTM"
        )

    @pytest.mark.parametrize(
        ("name", "options", "sentence"),
        [
            (
                "cell",
                {"window": (3, 3)},
                "window must be FIRST, LAST with at least 1 step from FIRST on, got 3, 3",
            ),
            (
                "neuron",
                {"window": (-1, 3)},
                "window must be FIRST, LAST with at least 1 step from FIRST on, got -1, 3",
            ),
            ("temporal", {"window": (0, 4)}, "window must be FIRST, LAST with at least 5 steps from FIRST on"),
            ("transition", {"window": (0, 1)}, "window must be FIRST, LAST with at least 2 steps from FIRST on"),
            ("temporal", {"symbols": 1}, "symbols must be from 2 to 26, got 1"),
            ("sequence", {"sign": "*"}, r"sign must be one of both, \+, -, got '\*'"),
            ("state", {"components": 7}, "components must be from 1 to the state's 6 numbers, got 7"),
            ("state", {"bins": 0}, r"bins must be at least 1, got 0"),
            ("state", {"layer": 2}, "layer must be from -1 to 0, got 2"),
            ("neuron", {"threshold": math.nan}, "threshold must be a finite number, got nan"),
            ("boundary", {"threshold": 10**400}, "threshold must be a finite number, got 1000"),
            ("temporal", {"symbols": 27, "segments": 1}, "symbols must be from 2 to 26, got 27"),
            (
                "sequence",
                {"segments": 17},
                r"symbols \*\* segments must be at most 100000 words, got 2 \*\* 17; each is a ",
            ),
            ("temporal", {"segments": 10**9}, r"must be at most 100000 words, got 3 \*\* 1000000000"),
            ("state", {"bins": 10**6}, r"bins must be at least 1 and make less than 2\^31 cells, got 1000000"),
        ],
    )
    def test_wrong_options_are_named(self, name, options, sentence):
        with pytest.raises(ValueError, match=sentence):
            METRICS[name](MAKE["LSTM"](), **options)

    @pytest.mark.parametrize(
        ("name", "options", "sentence"),
        [
            ("neuron", {"threshold": "0"}, "threshold must be a number, got str '0'"),
            ("cell", {"window": (0, 0.5)}, "a step of window must be a whole number, got float 0.5"),
            ("cell", {"window": 3}, "window must be FIRST, LAST, two numbers of steps, got 3"),
            ("cell", {"window": (1, 2, 3)}, "window must be FIRST, LAST, two numbers of steps, got (1, 2, 3)"),
            ("state", {"components": 2.7}, "components must be a whole number, got float 2.7"),
            ("state", {"bins": True}, "bins must be a whole number, got bool True"),
            ("temporal", {"symbols": 2.5}, "symbols must be a whole number, got float 2.5"),
            ("temporal", {"segments": "5"}, "segments must be a whole number, got str '5'"),
            ("cell", {"layer": 0.0}, "layer must be a whole number, got float 0.0"),
        ],
    )
    def test_numbers_that_are_none_are_named(self, name, options, sentence):
        with pytest.raises(TypeError) as caught:
            METRICS[name](MAKE["LSTM"](), **options)
        assert str(caught.value) == sentence

    @pytest.mark.parametrize("name", ["boundary", "stepwise", "temporal", "state", "transition"])
    def test_training_whose_states_are_not_finite_is_refused(self, name):
        damaged = sequences(4)
        damaged[2, 1, 0] = math.nan
        with pytest.raises(ValueError, match=r"^expected finite states, got NaN or infinity; give finite "):
            made("LSTM", name).fit(damaged)

    def test_training_sequences_that_are_shorter_than_a_word_are_refused(self):
        with pytest.raises(ValueError, match=r"^temporal coverage needs sequences of at least 5 steps, got 4$"):
            made("LSTM", "temporal").fit(sequences(3, steps=4))

    def test_metrics_that_were_fitted_otherwise_do_not_merge(self):
        one = made("LSTM", "temporal").fit(sequences(9))
        with pytest.raises(
            ValueError, match=r"^only metrics that were fitted alike can be merged; these differ in fi"
        ):
            one.merge(METRICS["temporal"](one.rnn).fit(sequences(9)))
        with pytest.raises(ValueError, match=r"these differ in metric$"):
            one.merge(METRICS["boundary"](one.rnn).fit(sequences(9)))

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"metric": "sorting"}', '{"metric": "neuron", "layer": 0}'])
    def test_what_is_no_saved_metric_is_refused(self, text, tmp_path):
        path = tmp_path / "metric.json"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"is no saved coverage of this module"):
            coverage.load(path, MAKE["LSTM"]())

    def test_one_of_another_module_is_refused(self, tmp_path):
        made("LSTM", "neuron").fit(sequences(3)).save(tmp_path / "metric.json")
        with pytest.raises(ValueError, match=r"^the saved coverage has module LSTM, this one GRU$"):
            coverage.load(tmp_path / "metric.json", MAKE["GRU"]())
        with pytest.raises(ValueError, match=r"^the saved coverage has width 6, this one 7$"):
            coverage.load(tmp_path / "metric.json", nn.LSTM(INPUTS, 7))

    def test_one_of_another_format_or_with_a_damaged_part_is_refused(self):
        metric = made("LSTM", "neuron").fit(sequences(3))
        stored = json.loads(metric.as_json())
        with pytest.raises(ValueError, match=r"^expected coverage of format 1, got 2$"):
            made("LSTM", "neuron").restore(json.dumps(stored | {"format": 2}))
        with pytest.raises(
            ValueError, match=r"^this is no saved neuron coverage \(a covered one must be from 0 to 5, got 99\)$"
        ):
            made("LSTM", "neuron").restore(json.dumps(stored | {"covered": [99]}))


DAMAGED = {
    "fitted": ("neuron", {"fitted": 5}, "fitted is of type int"),
    "sequences": ("neuron", {"fitted": {"sequences": 0}}, "sequences must be at least 1, got 0"),
    "no fitted": ("neuron", {"fitted": {}}, "'sequences' is missing"),
    "more": (
        "cell",
        {"fitted": {"sequences": 3, "mean": 1.0}},
        "fitted has mean beside sequences, expected nothing",
    ),
    "less": (
        "temporal",
        {"fitted": {"sequences": 3, "mean": 1.0}},
        "fitted has mean beside sequences, expected mean, deviation",
    ),
    "text": (
        "temporal",
        {"fitted": {"sequences": 3, "mean": "1", "deviation": 1.0}},
        "mean of fitted is no finite number",
    ),
    "nan": (
        "boundary",
        {"fitted": {"sequences": 3, "least": math.nan, "range": 1.0}},
        "least of fitted is no finite number",
    ),
    "range": (
        "stepwise",
        {"fitted": {"sequences": 3, "least": 0.0, "range": 0.0}},
        "range of fitted is not above 0",
    ),
    "deviation": (
        "temporal",
        {"fitted": {"sequences": 3, "mean": 0, "deviation": -1}},
        "deviation of fitted is not above 0",
    ),
    "window": (
        "cell",
        {"window": [5, 1]},
        "window must be FIRST, LAST with at least 1 step from FIRST on, got 5, 1",
    ),
    "no window": ("cell", {"window": None}, "window must be FIRST, LAST, two numbers of steps, got None"),
    "part": ("cell", {"window": [0.5, 5]}, "a step of window must be a whole number, got float 0.5"),
    "covered": ("cell", {"covered": 1}, "covered is of type int"),
    "below 0": ("cell", {"covered": [-1]}, "a covered one must be from 0 to 7, got -1"),
    "share": ("cell", {"covered": [1.7]}, "a covered one must be a whole number, got float 1.7"),
    "flag": ("cell", {"covered": [True]}, "a covered one must be a whole number, got bool True"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_one_is_refused_and_leaves_a_metric_as_it_was(case):
    name, change, sentence = DAMAGED[case]
    metric = made("LSTM", name).fit(sequences(3))
    before, stored = metric.as_json(), json.loads(made("LSTM", name).fit(sequences(4)).as_json())
    with pytest.raises(ValueError) as caught:
        metric.restore(json.dumps(stored | change))
    assert str(caught.value) == f"this is no saved {name} coverage ({sentence})"
    assert metric.as_json() == before


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("mean", [0.0], r"mean of fitted is no list of finite numbers of the shape \(6,\)"),
        ("axes", [[1.0] * 3] * 5, r"axes of fitted is no list of finite numbers of the shape \(6, 3\)"),
        ("least", [0.0, 1.0, None], r"least of fitted is no list of finite numbers of the shape \(3,\)"),
        ("side", [1.0, 0.0, 1.0], "side of fitted is not above 0"),
        ("visited", [], "visited of fitted is no list of numbers"),
        ("visited", [3, 3], "the next number of visited must be from 4 to 999, got 3"),
        ("visited", [1000], "the next number of visited must be from 0 to 999, got 1000"),
        ("visited", [1.5], "the next number of visited must be a whole number, got float 1.5"),
    ],
)
def test_a_damaged_grid_is_refused(name, value, sentence):
    metric = made("LSTM", "state").fit(sequences(3))
    stored = json.loads(metric.as_json())
    stored["fitted"][name] = value
    with pytest.raises(ValueError, match=rf"^this is no saved state coverage \({sentence}\)$"):
        metric.restore(json.dumps(stored))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff{}", "it is not UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"{", "it is no JSON"),
        (b"[]", "it is of type list, not an object"),
        (b'{"metric": "neuron", "options": []}', "options is of type list"),
        (b'{"metric": "neuron", "options": {}}', "'layer' is missing"),
        (b'{"metric": "neuron", "options": {}, "layer": "top"}', "layer must be a whole number, got str 'top'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content, sentence, tmp_path):
    path = tmp_path / "metric.json"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        coverage.load(path, MAKE["LSTM"]())
    assert str(caught.value) == f"{path} is no saved coverage of this module ({sentence})"


def test_only_two_fitted_metrics_are_merged():
    one = made("LSTM", "temporal").fit(sequences(9))
    with pytest.raises(RuntimeError) as caught:
        one.merge(made("LSTM", "temporal"))
    assert str(caught.value) == (
        "the temporal coverage to merge is not fitted yet; call its fit with the training sequences that this one "
        "was fitted to"
    )
    with pytest.raises(RuntimeError, match=r"^temporal coverage is not fitted yet"):
        made("LSTM", "temporal").merge(one)
    with pytest.raises(TypeError, match=r"^only metrics can be merged, got dict$"):
        one.merge({})
