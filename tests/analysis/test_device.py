"""Both devices on one page, each with its own facts and lines, and what a CUDA device adds."""

from __future__ import annotations

import pytest

from analysis.pages import Answer
from analysis.pages.markdown import markdown
from analysis.report.page import page_of
from analysis.results import Results, read
from tests.analysis import made_up_gpu
from tests.analysis.conftest import make_entry
from tests.analysis.parsed import assert_it_reads_well, section, sentences, table, texts

pytestmark = pytest.mark.slow

TITLE = "On a CUDA device"


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Results:
    """A CPU's results and a made-up GPU's, in one folder."""
    folder = tmp_path_factory.mktemp("both")
    made_up_gpu.write(folder / "made-up" / "0001_gpu.json")
    series = (("urnn", "cpu", "uRNN", "unitary"), ("lstm", "torch", "nn.LSTM", "gated"))
    cpu = [
        make_entry(model=model, backend=backend, label=label, family=family, **sizes, **{"pass": 1})
        for sizes in ({"hidden_size": n, "state_size": 2 * n, "parameters": 30 * n} for n in (64, 128, 256))
        for model, backend, label, family in series
    ]
    document = made_up_gpu.write(folder / "box" / "0001_quick.json", cpu, profile="quick", checks=[])
    text = document.read_text().replace('"made-up GPU"', "null").replace('"made-up"', '"box"')
    document.write_text(text)
    return read([folder])


@pytest.fixture(scope="module")
def page(both):
    """The page of both."""
    return page_of(both, "Title")


def test_each_device_has_its_own_section_and_facts(page):
    assert [one.title for one in page.sections if one.level == 2][:3] == [
        "Explore the measurements",
        "made-up, cuda, float32, 1 thread, allocator kept",
        "box, cpu, float32, 1 thread, allocator kept",
    ]
    answers = [block for one in page.sections for block in one.blocks if isinstance(block, Answer)]
    gpu, cpu = (dict(answer.facts) for answer in answers)
    assert gpu["GPU"] == "made-up GPU"
    assert gpu["About the GPU"] == (
        "compute capability 9.0, 132 multiprocessors, CUDA 13.0, cuDNN 91002, "
        "CUDA kernel of 512 units built in 2.50 s, outside every measurement"
    )
    assert gpu["TF32"] == "off unless the dtype is tf32"
    assert (gpu["Machine"], cpu["Machine"]) == ("made-up", "box")
    assert not {"GPU", "About the GPU", "TF32"} & set(cpu)


def test_no_figure_mixes_devices(page):
    for figure in page.figures:
        backends = set(figure.data["backend"])
        assert not {"cuda", "cpu"} <= backends
        assert ("cpu" in backends) == ("box" in figure.name)


def test_what_the_kernel_gains_and_how_exact_it_is_comes_from_the_data(page):
    gains, error = sentences(section(page, TITLE))
    assert gains == (
        "Training at n = 512, B = 128, T = 512: uRNN (fused CUDA kernel) is 100 times as fast as uRNN (eager "
        "reference) (95 % interval 99 to 100) and 15 times as fast as uRNN (eager reference in a graph)."
    )
    assert error == "The largest relative error of an output against float64 is 1.0e-05, at n = 128, T = 2048."


def test_other_dtypes_without_a_urnn_stand_beside_it(page):
    rows = texts(table(page, "In other dtypes"))
    assert {row[6] for row in rows} == {"bfloat16", "float16"}
    assert len(rows) == 2 * 2 * len(made_up_gpu.SIZES)


def test_what_limits_a_call_is_said(page):
    limits = {row[0]: row[-1] for row in texts(table(page, "What the launches of a call cost"))}
    assert limits["uRNN (eager reference)"] == "its launches"
    assert limits["uRNN (eager reference in a graph)"] == "its work"


def test_a_disturbed_cell_is_called_unstable_with_the_reason(page):
    assert [row[-1] for row in texts(table(page, "Unstable cells"))] == [made_up_gpu.HEAT]


def test_the_markdown_of_both(page, snapshot):
    text = markdown(page)
    assert_it_reads_well(text)
    snapshot(text, "both_devices.md")


def test_where_no_cuda_device_was_measured_the_first_section_names_the_command(both):
    alone = page_of(Results(both.frame[both.frame["device"] == "cpu"]), "Title")
    assert [one.title for one in alone.sections].count(TITLE) == 1
    assert "Not measured. This command measures it: `python -m bench run --profile gpu`" in markdown(alone)


def test_a_device_without_what_the_chapter_shows_names_the_command(tmp_path):
    frame = read(
        [made_up_gpu.write(tmp_path / "gpu.json", [made_up_gpu.entry("lstm", "torch", 64, peak=None)], checks=[])]
    ).frame
    text = markdown(page_of(Results(frame[frame["metric"] == "step_time"]), "Title"))
    assert f"## {TITLE}" in text
    assert "`python -m bench run --profile gpu`" in text
