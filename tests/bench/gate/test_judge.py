"""What a gate's folder says, asked in this process; a folder that cannot be judged is one sentence."""

import json

import pytest

from analysis.regressions.policy import FIRST_PASSES, Pace
from bench.errors import ResultsError, SweepError
from bench.gate.folder import SCREENING
from bench.gate.judge import ask, conclude
from bench.prepare import describe
from tests.bench.cells import TINY, cell
from tests.bench.gate.conftest import open_folder

CELLS = [TINY, cell("urnn:reference")]


@pytest.fixture
def measured(tmp_path):
    """A gate's folder with passes of its screening, in which head's uRNN is so much slower."""

    def made(passes: int, factor: float = 1.0):
        folder = open_folder(tmp_path / "gates", [one.id for one in CELLS])
        for side in ("base", "head"):
            file = folder.run_file(SCREENING, side)
            file.content["machine_info"] = {"node": "box", "torch": "2"}
            for number in range(1, passes + 1):
                for one in CELLS:
                    slow = factor if (side, one) == ("head", CELLS[1]) else 1.0
                    entry = {"params": {"cell_id": one.id}, "extra_info": {**describe(one), "pass": number}}
                    file.add_benchmark({**entry, "stats": {"data": [0.1 * slow * (1 + number / 1000)]}})
        return folder

    return made


def test_the_first_passes_are_of_all_cells(measured):
    step = ask(measured(1).path, Pace(1, 600, 300, 0.25))
    assert (step.stage, step.cells) == ("screening", tuple(one.id for one in CELLS))


def test_a_suspect_is_to_be_confirmed_and_a_clear_verdict_ends_it(measured):
    step = ask(measured(FIRST_PASSES, 1.3).path, Pace(FIRST_PASSES, 600, 300, 0.25))
    assert (step.stage, step.cells) == ("confirmation", (CELLS[1].id,))


@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_the_verdict_is_printed_and_written_and_its_exit_code_returned(measured, tmp_path, capsys, factor):
    """A suspect alone is no regression: it was not confirmed."""
    files = tmp_path / "out.md", tmp_path / "new" / "out.json"
    assert conclude(measured(FIRST_PASSES, factor).path, *files) == 0
    verdict = json.loads(files[1].read_text())
    assert verdict["exit_code"] == 0
    assert verdict["suspects"] == ([] if factor == 1 else [CELLS[1].id])
    assert verdict["sentence"] in files[0].read_text()
    assert verdict["sentence"] in capsys.readouterr().out


@pytest.mark.parametrize("question", [lambda path: ask(path, Pace(4, 600, 300, 0.25)), conclude])
@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("head.json", '{"benchmarks', r".*head\.json: expected complete JSON, but .*"),
        ("gate.json", "{}", r".*gate\.json: expected a gate's plan of format 1, got None\."),
    ],
)
def test_a_folder_that_cannot_be_judged_is_one_sentence(measured, question, name, text, reason):
    folder = measured(1)
    (folder.path / name).write_text(text)
    with pytest.raises(SweepError, match=rf"^the measurements cannot be judged: {reason}$"):
        question(folder.path)


def test_a_verdict_that_cannot_be_written_is_one_sentence(measured, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"^cannot write .*file/out\.json: "):
        conclude(measured(1).path, None, tmp_path / "file" / "out.json")
