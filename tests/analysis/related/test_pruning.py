"""The chapter on pruning on hand-made nets and times whose ratios are known."""

from __future__ import annotations

import pytest

from analysis.pages.statements import AGREE, DIFFER, NOT_RUN
from analysis.related.engine.report import write_report
from analysis.related.engine.results import read
from analysis.related.engine.wording import filled
from analysis.related.pruning import CHAPTER, body
from analysis.related.pruning.data import equal_urnn, faster, groups
from analysis.related.pruning.statements import headlines
from analysis.related.pruning.tables import table
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone, texts
from tests.analysis.related.conftest import planned, write_plan, write_result

CELLS = [(phase, batch) for phase in ("train", "forward") for batch in (32, 450)]


def net(method: str, seed: int, accuracy: float, parameters: int, size: int = 128, **more) -> dict:
    return {
        "method": method,
        "size": size,
        "seed": seed,
        "units": size,
        "inputs_kept": 16,
        "noise_kept": 8,
        "parameters": parameters,
        "accuracy": accuracy,
        "epochs": 100,
        "seconds": 9.0,
        **more,
    }


def times(method: str, seed: int, seconds: float, size: int = 128) -> tuple[list[dict], list[dict]]:
    """Three rounds, of which the machine slows the last tenfold for all nets, and the memory."""
    cells = [
        {"method": method, "size": size, "seed": seed, "phase": phase, "batch": batch} for phase, batch in CELLS
    ]
    rounds = [
        {**cell, "round": number, "seconds": seconds * slow}
        for cell in cells
        for number, slow in enumerate((1.0, 1.01, 10.0), start=1)
    ]
    return rounds, [{**cell, "peak_bytes": int(1e9 * seconds)} for cell in cells]


def made() -> dict[str, dict]:
    """Three seeds: the selected LSTM is three times as fast as the dense one, at a tenth of its parameters."""
    jobs = {}
    for seed in (0, 1, 2):
        shift = 0.001 * seed
        nets = [
            net("dense", seed, 0.97 + shift, 76_042),
            net("selected", seed, 0.975 + shift, 7_604, units=40, inputs_kept=6, noise_kept=0),
            net("magnitude", seed, 0.92 - shift, 7_604, units=40, inputs_kept=6, noise_kept=1),
            net("group_lasso", seed, 0.98 + shift, 7_604, units=40, inputs_kept=6, noise_kept=0),
            net("urnn", seed, 0.95 + shift, 2_000, size=32),
            net("urnn", seed, 0.97 + shift, 4_000, size=64),
            net("urnn", seed, 0.99, 8_000, size=128),
            net("urnn_selected", seed, 0.9, 3_000, units=30),
        ]
        errors = [
            {"method": "selected", "seed": seed, "dtype": dtype, "error": error}
            for dtype, error in (("float32", 2e-6), ("float64", 3e-12))
        ]
        timed = [
            times(one["method"], seed, 0.003 if one["method"] == "dense" else 0.001, one["size"]) for one in nets
        ]
        jobs[f"seed{seed}"] = {
            "networks": nets,
            "agreement": errors,
            "singular_values": [
                {"seed": seed, "number": number, "value": 1 - number / 10} for number in (1, 2, 3)
            ],
            "times": [row for rounds, _ in timed for row in rounds],
            "memory": [row for _, held in timed for row in held],
        }
    return jobs


TRAINED = {"rate": 0.004, "batch": 16, "clip": 0.5, "epochs": 1500}
SETTINGS = {
    "dense": TRAINED,
    "urnn": {**TRAINED, "rate": 0.02},
    "selected": {
        "noise_inputs": 5,
        "gate_rate": 0.03,
        "input_multiplier": 0.7,
        "unit_multiplier": 9.0,
        "ramp": 12,
    },
    "magnitude": {"epochs_after": 33},
    "group_lasso": {"epochs_after": 44, "input_multiplier": 0.07, "unit_multiplier": 0.6, "ramp": 13},
    "times": {"turn_ms": 2.5, "rounds": 21, "batches": [16, 64]},
}


@pytest.fixture
def frames(tmp_path):
    jobs = made()
    for name, tables in jobs.items():
        write_result(tmp_path, name, tables, place="pruning")
    known = [planned(f"{name}-seed0", study="pruning", settings=one) for name, one in SETTINGS.items()]
    write_plan(tmp_path, *(planned(name, study="pruning") for name in jobs), *known)
    found = read(tmp_path, [CHAPTER])
    assert found.problems == []
    return found.frames["pruning"]


def verdicts(claims, frames) -> list[tuple[str, str]]:
    return [(one.verdict, one.measured) for one in (claim.judged(frames) for claim in claims)]


def test_the_papers_claims_are_judged(frames):
    assert verdicts(CHAPTER.claims, frames) == [
        (AGREE, "+0.50 points (3 seeds)"),
        (DIFFER, "3.0 times (3 seeds)"),
        (DIFFER, "-0.50 points (3 seeds)"),
        (AGREE, "0 of 8, 0 of 8, 0 of 8 (seed by seed)"),
    ]


def test_what_was_to_be_expected_is_judged(frames):
    found = verdicts(CHAPTER.bars, frames)
    assert [verdict for verdict, _ in found] == [AGREE] * 7 + [DIFFER, AGREE]
    assert found[0][1] == "10 times (3 seeds)"
    assert found[7][1] == "3.0e-12 at most"
    assert found[8][1] == "from 0.700 to 0.900"


def test_a_ratio_is_that_of_one_round_whatever_the_machine_did(frames):
    assert faster(frames, "train", 32).tolist() == [pytest.approx(3.0)] * 3
    assert faster(frames, "train", 1).empty


def test_the_urnn_of_equal_accuracy_is_the_smallest_within_a_point(frames):
    assert equal_urnn(frames) == 64
    nets = frames["networks"]
    without = frames | {"networks": nets[(nets["method"] != "urnn") | (nets["size"] < 64)]}
    assert equal_urnn(without) is None
    assert equal_urnn(frames | {"networks": nets[nets["method"] != "selected"]}) is None


def test_every_net_has_a_row_in_the_order_of_legends(frames):
    names = [name for _, _, name in groups(frames)]
    assert names[:3] == ["LSTM-128, dense", "LSTM-128, neuron selection", "LSTM-128, magnitude"]
    assert names[4:] == ["uRNN-32", "uRNN-64", "uRNN-128", "uRNN-128, units selected"]
    rows = texts(table(frames))
    assert rows[1][:5] == ["LSTM-128, neuron selection", "40", "0.0", "7,604", "97.6 %"]
    assert [row.note for row in (cells[0] for cells in table(frames).cells)].count(
        "the uRNN of equal accuracy"
    ) == 1


def test_the_top_says_how_small_how_good_and_how_fast(frames):
    assert headlines(frames) == [
        "Neuron selection leaves 10 % of an LSTM's parameters, and +0.50 points (3 seeds) of accuracy against the "
        "dense net.",
        "What is left infers 3.0 and 3.0 times and trains 3.0 and 3.0 times as fast as the dense net, at B = 32 "
        "and 450.",
        "The smallest uRNN of equal accuracy has 64 units and 4,000 parameters, 0.53 times those of the selected "
        "LSTM.",
    ]


def test_without_times_the_rest_stands(frames):
    untimed = frames | {"times": frames["times"].iloc[:0], "memory": frames["memory"].iloc[:0]}
    assert [verdict for verdict, _ in verdicts(CHAPTER.claims, untimed)] == [AGREE, NOT_RUN, DIFFER, AGREE]
    assert len(headlines(untimed)) == 2
    assert body(untimed, filled(CHAPTER.prose, {}))


def test_the_chapter_is_drawn(frames, tmp_path):
    report = write_report(read(tmp_path, [CHAPTER]), [CHAPTER], tmp_path / "report")
    assert_it_stands_alone(report.page.read_text())
    assert_it_reads_well((tmp_path / "report" / "report.md").read_text())
    assert {path.name for path in (tmp_path / "report" / "figures" / "pruning").iterdir()} == {
        f"{name}.{kind}"
        for name in ("accuracy_over_parameters", "accuracy_over_step_time")
        for kind in ("png", "svg")
    }


def test_the_prose_has_the_settings_of_the_jobs():
    words = filled(CHAPTER.prose, {kind: [one] for kind, one in SETTINGS.items()})
    assert "with 5 inputs of pure noise" in words["about"]
    training = words["method"]["Training"]
    assert training.startswith(
        "Adam at 0.004 for LSTMs, as published figures have it, and at 0.02 for uRNNs, the best of several with "
        "one seed; batches of 16, gradients clipped to 0.5, 1,500 epochs for every net. Gates learn at 0.03; the "
        "penalty is 0.7 times the mean probability of an open input and 9 times that of an open unit, and grows "
        "to its full size over the first 12 epochs."
    )
    assert "group lasso is 0.07 times the mean norm of an input's weights and 0.6 times" in training
    assert "cuts 33 epochs before the end, and group lasso 44." in training
    assert "so many that they take 2.5 ms, 21 rounds" in words["method"]["Times"]
    assert "Batches have 16 and 64 sequences" in words["figures"]["accuracy_over_step_time"]["caption"]
