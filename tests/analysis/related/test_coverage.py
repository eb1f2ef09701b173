"""The chapter on coverage on hand-made campaigns."""

from __future__ import annotations

import pytest

from analysis.errors import AnalysisError
from analysis.pages import Prose
from analysis.pages.statements import AGREE, DIFFER, NOT_DECIDED, NOT_RUN
from analysis.related.coverage import CHAPTER
from analysis.related.coverage.statements import headlines
from analysis.related.coverage.tables import backdoors, campaigns, metrics
from analysis.related.engine.report import page_of, write_report
from analysis.related.engine.results import read
from tests.analysis.parsed import assert_it_reads_well, assert_it_stands_alone, section, texts
from tests.analysis.related.conftest import planned, write_plan, write_result

MET = {"genetic": 98, "random": 10, "gradient": 50}  # of 100
ADVERSARIAL = {"genetic": 20, "random": 10, "gradient": 200}  # of 10,000


def found(seed: int, generator: str, evaluations: int, share: float) -> dict:
    return {
        "evaluations": evaluations,
        "coverage": share,
        "inside": evaluations // 2,
        "adversarial": ADVERSARIAL[generator] + seed,
        "defects": 0 if generator == "random" and seed == 0 else 5,
    }


def of_net(model: str, seed: int) -> dict:
    named = {"model": model, "seed": seed}
    tables = {
        "networks": [{**named, "hidden_size": 32, "parameters": 5000, "accuracy": 0.96, "seconds": 9.0}],
        "metrics": [
            {**named, "metric": "temporal", "requirements": 243, "coverage": 0.4, "refused": None},
            {**named, "metric": "gate", "requirements": 8, "coverage": 1.0, "refused": None}
            if model == "lstm"
            else {**named, "metric": "gate", "requirements": None, "coverage": None, "refused": "it has no gates"},
        ],
        "curves": [],
        "campaigns": [],
    }
    for generator, met, metric in [
        *((name, met, "temporal") for name, met in MET.items()),
        ("genetic", 60, "state"),
    ]:
        row = {**named, "generator": generator, "metric": metric}
        tables["curves"] += [
            {**row, **found(seed, generator, number, 0.4 + 0.5 * met / 100 * number / 10_000)}
            for number in (500, 5_000, 10_000)
        ]
        last = found(seed, generator, 10_000, 0.4 + met / 200)
        more = {"requirements": 243, "open_before": 100, "met": met - seed, "seconds": 3.0}
        first = 700 if last["defects"] else None
        tables["campaigns"].append({**row, **more, **last, "first_defect": first})
    return tables


def backdoor(seed: int, planted: bool) -> dict:
    named = {"model": "lstm", "seed": seed, "planted": planted}
    row = {
        **named,
        **found(seed, "genetic", 10_000, 1.0),
        "accuracy": 0.97,
        "flipped": 1.0 if planted else 0.01,
        "to_target": 9 if planted else 0,
        "first_to_target": 800 if planted else None,
        "similarity": 0.7 if planted else None,
    }
    pixels = [
        {**named, "row": at // 8, "column": at % 8, "planted_value": 0.15 * (at % 8 == 0), "found_value": 0.01}
        for at in range(64)
    ]
    return {"backdoors": [row], "triggers": pixels if planted else []}


def made() -> dict[str, dict]:
    """Three seeds of both nets, with and without a backdoor, and the metrics' speed."""
    return {
        **{f"tests-{model}-seed{seed}": of_net(model, seed) for model in ("lstm", "urnn") for seed in (0, 1, 2)},
        **{
            f"backdoor-{planted}-seed{seed}": backdoor(seed, planted)
            for planted in (True, False)
            for seed in (0, 1, 2)
        },
        "speed": {
            "speed": [
                {"metric": name, "hidden_size": 128, "steps": 64, "sequences": 10_000, "seconds": seconds}
                for name, seconds in (("temporal", 2.5), ("state", 3.25))
            ]
        },
    }


GENETIC = {"generations": 7, "mutants": 1234, "best": 2}
TESTS = {
    "sown": 600,
    "most": 20_000,
    "window": [2, 7],
    "noise": 0.03,
    "radius": 0.02,
    "generators": {"gradient": {"along": "answer", "least": 0.01, "most": 0.2, "steps": 6}, "genetic": GENETIC},
    "metrics": {"temporal": {"symbols": 4, "segments": 3}, "cell": {"threshold": 2.5}},
}
SETTINGS = {
    "tests": TESTS,
    "backdoor": {"share": 0.25, "trigger": 0.15, "target": 4, "campaigns": 3},
    "train": {"hidden": 48, "epochs": 1200, "rate": 0.002, "batch": 16, "clip": 0.5, "seed": 0},
    "speed": {},
}


def done(folder, settings=SETTINGS):
    """Every job has a result but training, which is planned alone."""
    jobs = made()
    known = {name: settings[name.partition("-")[0]] for name in (*jobs, "train-lstm-seed0")}
    for name, tables in jobs.items():
        write_result(folder, name, tables, place="coverage", settings=known[name])
    write_plan(folder, *(planned(name, study="coverage", settings=one) for name, one in known.items()))
    return read(folder, [CHAPTER])


@pytest.fixture
def results(tmp_path):
    found = done(tmp_path)
    assert found.problems == []
    return found


@pytest.fixture
def frames(results):
    return results.frames["coverage"]


def verdicts(claims, frames) -> list[tuple[str, str]]:
    return [(one.verdict, one.measured) for one in (claim.judged(frames) for claim in claims)]


def test_the_papers_claims_are_judged(frames):
    assert verdicts(CHAPTER.claims, frames) == [
        (AGREE, "+88.0 points (3 seeds)"),
        (AGREE, "+88.0 points (3 seeds)"),
        (AGREE, "5, 5, 5 (seed by seed)"),
        (AGREE, "0.21 % against 0.11 % of the evaluations (3 seeds)"),
        (DIFFER, "0.21 % against 2.0 % of the evaluations (3 seeds)"),
        (NOT_DECIDED, "0.21 % against 0.21 % of the evaluations (3 seeds)"),
    ]


def test_what_was_to_be_expected_is_judged(frames):
    met, few = "97.0 % (95 % interval 94.5 % to 99.5 %, 3 seeds)", "9.0 % (95 % interval 6.5 % to 11.5 %, 3 seeds)"
    assert verdicts(CHAPTER.bars, frames) == [
        (AGREE, met),
        (AGREE, met),
        (AGREE, few),
        (AGREE, few),
        (AGREE, "similarity 0.70, 0.70, 0.70 (seed by seed)"),
        (AGREE, "state coverage 3.2 s, the others less"),
    ]


def test_one_seed_whose_backdoor_was_not_found_is_one_too_many(frames):
    rows = frames["backdoors"].copy()
    rows.loc[rows["planted"] & (rows["seed"] == 1), "similarity"] = None
    found = verdicts(CHAPTER.bars, frames | {"backdoors": rows})[4]
    assert found == (DIFFER, "similarity 0.70, none found, 0.70 (seed by seed)")


def test_seeds_that_do_not_agree_decide_nothing(frames):
    rows = frames["campaigns"].copy()
    rows.loc[(rows["generator"] == "random") & (rows["seed"] == 0), "met"] = 90
    assert verdicts(CHAPTER.claims, frames | {"campaigns": rows})[0][0] == NOT_DECIDED


def test_a_net_whose_tests_left_nothing_open_has_no_share(frames):
    rows = frames["campaigns"].assign(open_before=0, met=0)
    assert verdicts(CHAPTER.claims, frames | {"campaigns": rows})[0] == (NOT_RUN, "")


def test_the_tables_say_what_is_not_defined_and_what_was_not_found(frames):
    found = texts(campaigns(frames))
    assert [row[0] for row in found[:3]] == ["LSTM: Random mutation", "LSTM: Gradient-directed", "LSTM: Genetic"]
    assert found[3][0] == "LSTM: Genetic, aimed at states"
    assert found[2][1:] == ["100", "10,000", "97.0 %", "89.0 %", "0.210 %", "5", "700"]
    assert texts(metrics(frames))[1] == ["gate", "100.0 %", "8", "not defined", ""]
    assert texts(backdoors(frames))[5] == ["none, seed 2", "97.0 %", "1.0 %", "22", "0", "none", "none"]


def test_the_top_says_what_was_met_and_found(frames):
    assert headlines(frames) == [
        "The genetic generator meets 97 % of the LSTM's (random tests: 9.0 %) and 97 % of the uRNN's (random "
        "tests: 9.0 %) temporal requirements that the first random tests left open.",
        "Of tests along the gradient 2.0 % of the LSTM's and 2.0 % of the uRNN's are adversarial.",
        "A planted backdoor is found, and its trigger shown, with 3 of 3 seeds.",
    ]


def test_the_chapter_is_drawn(results, tmp_path):
    report = write_report(results, [CHAPTER], tmp_path / "report")
    assert_it_stands_alone(report.page.read_text())
    assert_it_reads_well((tmp_path / "report" / "report.md").read_text())
    assert {path.stem for path in (tmp_path / "report" / "figures" / "coverage").iterdir()} == {
        "coverage_over_evaluations",
        "backdoor",
    }


def test_the_prose_has_the_settings_that_results_were_made_with(results):
    page = page_of(results, [CHAPTER])
    said = dict(section(page, "How it was measured").blocks[0].pairs)
    assert "at most 7 generations of 1,234 mutants, the best 2 kept" in said["Generators"]
    assert "noise with a deviation of 0.03 on every pixel" in said["Generators"]
    assert "up to 6 times" in said["Generators"]
    assert "by 0.01 to 0.2 each time" in said["Generators"]
    assert "is at most 0.02, grey values" in said["Oracle"]
    assert "begins with step 2 and ends before step 7" in said["Temporal coverage"]
    assert "averaged over 3 segments of the window, each average one of 4 letters" in said["Temporal coverage"]
    assert said["Nets"].startswith("LSTM-48 and uRNN-48 (48 complex units), 1,200 epochs of Adam at 0.002")
    shown = [block.text for block in section(page, "What was measured").blocks if isinstance(block, Prose)]
    assert "that 600 random tests have left" in shown[0]
    assert "one threshold (2.5 here)" in shown[1]
    assert "25 % of its images have a left column that is brighter by 0.15, and are labelled 4" in shown[2]


def test_results_without_a_setting_that_the_prose_names_are_an_error(tmp_path):
    noiseless = {name: value for name, value in TESTS.items() if name != "noise"}
    found = done(tmp_path, {**SETTINGS, "tests": noiseless})
    with pytest.raises(AnalysisError) as caught:
        page_of(found, [CHAPTER])
    assert str(caught.value) == (
        'The report says "A random change is noise with a deviation of {tests.noise:g} on every pixel, kept '
        'within 0 and 1.", but a job of the kind tests has no setting noise that can be named there; measure it '
        "again with `python -m bench related`."
    )
