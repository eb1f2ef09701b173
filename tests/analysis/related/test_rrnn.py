"""The chapter on the RRNN on hand-made curves whose order is known."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN
from analysis.related.engine.report import write_report
from analysis.related.engine.results import read
from analysis.related.engine.wording import filled
from analysis.related.rrnn import CHAPTER, body, headlines
from analysis.related.rrnn.data import bits_at, equal_iterations, equal_seconds
from analysis.related.rrnn.figures import draw_learning
from analysis.related.rrnn.statements import BARS
from analysis.related.rrnn.tables import table
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone
from tests.analysis.related.conftest import planned, write_plan, write_result

SIZES = ("nodes", "length", "rate", "batch", "searching", "fixing", "hidden", "triples", "scorer", "held_out")
LOSSES = ("loss_task", "loss_margin", "loss_norm", "loss_tree", "target")
SETTINGS = {
    "rrnn": dict.fromkeys((*SIZES, *LOSSES), 9),
    "lstm": {"rate": 0.003, "seconds": 25.0},
    "times": {"batch": 32, "length": 20, "turn_ms": 5.0, "rounds": 7},
}
PLACES = [("sigmoid[1] +", 0.5, 0, -1), ("x", 0.0, 1, 0), ("h", 1.0, 1, 0)]


def points(method: str, stage: str, seed: int, *curve: tuple[int, float, float]) -> list[dict]:
    named = {"method": method, "stage": stage, "seed": seed}
    return [{**named, "iteration": i, "seconds": s, "bits": b} for i, s, b in curve]


def network(method: str, seed: int, bits: float) -> dict:
    more = {"hidden": 100, "parameters": 90_000, "seconds": 9.0, "unigram_bits": 4.1}
    return {"method": method, "seed": seed, "test_bits": bits, **more}


def made() -> dict[str, dict]:
    """Three seeds: the RRNN is ahead of the GRU after 100 iterations, and behind it after 20 seconds."""
    jobs: dict[str, dict] = {}
    for seed in (0, 1, 2):
        shift = 0.01 * seed
        jobs[f"rrnn-seed{seed}"] = {
            "curves": [
                *points(
                    "rrnn", "searching", seed, (0, 0.0, 4.8), (50, 20.0, 4.0 + shift), (100, 40.0, 3.2 + shift)
                ),
                *points("rrnn", "fixed", seed, (100, 40.5, 3.5), (200, 41.0, 2.9 - shift)),
            ],
            "networks": [network("rrnn", seed, 3.0)],
            "structures": [
                {"method": "rrnn", "seed": seed, "iteration": i, "distinct": 12 - i, "trees": 320, "most": 0.5}
                | {"margin": 0.1}
                for i in (1, 2, 3)
            ],
            "trees": [
                {"method": "rrnn", "seed": seed, "which": which, "number": number, "label": label}
                | {"across": across, "down": down, "parent": parent, "written": "sigmoid[1](x + h)"}
                for which in ("first", "fixed")
                for number, (label, across, down, parent) in enumerate(PLACES)
            ],
        }
        for method, bits in (("lstm", 3.2), ("gru", 3.5), ("urnn", 3.4)):
            jobs[f"{method}-seed{seed}"] = {
                "curves": points(
                    method, "plain", seed, (0, 0.0, 4.8), (100, 1.0, bits), (2000, 20.0, 2.2 + shift)
                ),
                "networks": [network(method, seed, 2.2)],
            }
    calls = [("rrnn", "searching", 0.6), ("rrnn", "fixed", 0.03), ("lstm", "plain", 0.01), ("gru", "plain", 0.02)]
    named = [({"method": m, "stage": stage, "seed": 0}, seconds) for m, stage, seconds in calls]
    jobs["times-seed0"] = {
        "times": [{**one, "round": n, "seconds": seconds * n} for one, seconds in named for n in (1, 2, 3)],
        "memory": [{**one, "peak_bytes": 10**8} for one, _ in named],
        "shares": [{"seed": 0, "scorer": 0.4}],
    }
    return jobs


def written(tmp_path, jobs: dict[str, dict]):
    plan = [planned(name, "rrnn", settings=SETTINGS.get(name.partition("-")[0], {"size": 1})) for name in made()]
    write_plan(tmp_path, *plan)
    for name, tables in jobs.items():
        settings = SETTINGS.get(name.partition("-")[0], {"size": 1})
        write_result(tmp_path, name, tables, "rrnn", study="rrnn", settings=settings)
    return read(tmp_path, [CHAPTER])


@pytest.fixture
def frames(tmp_path):
    found = written(tmp_path, made())
    assert found.problems == []
    return found.frames["rrnn"]


def verdicts(frames) -> dict[str, str]:
    return {claim.says: claim.judged(frames).verdict for claim in (*CHAPTER.claims, *CHAPTER.bars)}


def test_values_between_evaluations_are_on_a_line_and_beyond_the_last_there_are_none(frames):
    assert bits_at(frames, "rrnn", "iteration", 75).round(9).to_dict() == {0: 3.6, 1: 3.61, 2: 3.62}
    assert bits_at(frames, "gru", "seconds", 10.5)[0] == pytest.approx((3.5 + 2.2) / 2)
    assert bits_at(frames, "gru", "seconds", 20.1).empty


def test_what_is_equal_is_what_all_have_had(frames):
    assert equal_iterations(frames) == 100
    assert equal_seconds(frames) == 20


def test_claims_are_decided_by_the_curves(frames):
    found = verdicts(frames)
    assert found["It is better than a GRU."] == AGREE
    assert found["Every sample has a cell of its own."] == AGREE
    assert found["It is ahead of the LSTM of as many parameters after as many iterations."] == NOT_DECIDED
    assert found["It is ahead of the uRNN of as many parameters after as many iterations."] == AGREE
    assert found["It is ahead of the GRU of as many parameters after as many seconds."] == DIFFER
    assert found["It learns more than how often each letter comes."] == AGREE
    assert found["Fixing one structure lowers the loss."] == AGREE
    assert found["A searching step is fast enough to train with."] == DIFFER  # 1.2 s is the median round
    assert found["A step with one structure is much faster."] == AGREE


def test_fixing_is_told_with_what_it_costs_at_first(frames):
    (measured,) = (claim.judged(frames).measured for claim in BARS if claim.says.startswith("Fixing"))
    assert measured.startswith("lower by 0.32 bits")
    assert "; at the moment of fixing +0.29 bits" in measured


def test_the_fixed_stage_is_drawn_over_seconds_where_seeds_took_different_times(frames):
    curves = frames["curves"]
    frames["curves"] = curves.assign(seconds=curves["seconds"].astype(float) * (1 + curves["seed"].astype(int)))
    panel = draw_learning(frames).axes[1]
    (line,) = (one for one in panel.lines if str(one.get_gid()).endswith(":rrnn:fixed"))
    assert line.get_xdata().tolist() == pytest.approx([2 * 40.5, 2 * 41.0])  # the mean of 1, 2 and 3 times
    assert line.get_ydata().tolist() == pytest.approx([3.5, 2.89])


def test_a_batch_with_one_structure_has_no_cell_for_every_sample(frames):
    frames = {**frames, "structures": frames["structures"].assign(distinct=1)}
    assert verdicts(frames)["Every sample has a cell of its own."] == DIFFER


def test_the_top_says_how_far_it_comes_and_what_it_costs(frames):
    assert headlines(frames) == [
        "After 100 iterations on letters the searching RRNN is at 3.21 bits a letter (LSTM 3.20, GRU 3.50, uRNN "
        "3.40, with as many parameters).",
        "A training step of it takes 30 times as long as the GRU's, and with one structure fixed 1.5 times.",
    ]


def test_the_table_has_both_stages_and_every_rival(frames):
    rows = table(frames).rows
    assert [row[0] for row in rows] == [
        "RRNN, searching",
        "RRNN, one structure fixed",
        "LSTM",
        "GRU",
        "uRNN",
    ]
    assert rows[0][3] is None
    assert rows[1][3].value == 3.0
    assert rows[1][4].value == pytest.approx(2.89)


def test_nothing_measured_is_said_and_drawn_as_such(tmp_path):
    frames = written(tmp_path, {}).frames["rrnn"]
    assert set(verdicts(frames).values()) == {NOT_RUN}
    assert headlines(frames) == []
    words = filled(CHAPTER.prose, {})
    for block in body(frames, words):
        if hasattr(block, "draw"):
            drawn = block.draw(block.data)
            assert [text.get_text() for ax in drawn.axes for text in ax.texts] == ["not measured"]


def test_the_report_stands_alone_and_reads_well(tmp_path):
    (tmp_path / "runs").mkdir()
    results = written(tmp_path / "runs", made())
    assert isinstance(results.frames["rrnn"]["curves"], pd.DataFrame)
    report = write_report(results, [CHAPTER], tmp_path / "report")
    assert_it_stands_alone(report.page.read_text())
    assert_it_reads_well((tmp_path / "report" / "report.md").read_text())
