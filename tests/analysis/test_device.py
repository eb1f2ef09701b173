"""Both devices on one page, each with its own facts and lines, and the bar of a GPU as data says."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis import units
from analysis.device_bar import findings
from analysis.report import write_report
from analysis.report.content import gather
from analysis.report.page import markdown
from analysis.results import Results, read
from analysis.settings import split
from analysis.statistics import summarise
from tests.analysis import made_up_gpu
from tests.analysis.conftest import make_entry

pytestmark = pytest.mark.slow


def cells_of(frame: pd.DataFrame, dtype: str = "float32") -> pd.DataFrame:
    return summarise(next(rows for setting, rows in split(frame).items() if setting.dtype == dtype))


def bar(tmp_path, rows=None, **run) -> dict[str, tuple[str, bool | None]]:
    """Row -> what was found (an x for the sign) and the verdict, from a made-up file."""
    frame = read([made_up_gpu.write(tmp_path / "gpu.json", rows, **run)]).frame
    half = {dtype: cells_of(frame, dtype) for dtype in set(frame["dtype"]) - {"float32"}}
    return {
        one.what: (one.found.replace(units.TIMES, "x"), one.met) for one in findings(cells_of(frame), half, "cuda")
    }


LSTM = "Training step against nn.LSTM in float32"
MEMORY = "Peak memory of a training step at n = 512 over its output, where the loss reads "


def test_every_row_of_the_bar_is_found_in_the_data(tmp_path):
    found = bar(tmp_path)
    assert found == {
        "Training step against the eager reference": ("x100 at n = 128; x100 at n = 512", True),
        "Training step against the eager reference in a CUDA graph": ("x15 at n = 128; x15 at n = 512", True),
        # 5 times as fast at n = 512, and ever more so: 5 (n / 512)
        LSTM: (
            "÷1.6 at n = 64; x1.2 at n = 128; x2.5 at n = 256; x5.0 at n = 512; x10 at n = 1024; x20 at n = 2048",
            False,
        ),
        "Training step against nn.LSTM in bfloat16": ("x1.5 at n = 512; x2.1 at n = 1024; x3.0 at n = 2048", True),
        "Training step against nn.LSTM in float16": ("x1.5 at n = 512; x2.1 at n = 1024; x3.0 at n = 2048", True),
        "Device time of one forward time step at n = 512": ("1.30 µs", True),
        "Sequences a second from B = 132 to 2112 at n = 512": (
            "at least 100 % of those at B = 132 in inference; at least 100 % of those at B = 132 in training",
            True,
        ),
        f"{MEMORY}the last state": ("x1.20", True),
        f"{MEMORY}every state": ("x2.00", True),
        "Error of the output against float64 at T = 2048": ("0.0003 n T eps, a relative error of 1.0e-05", True),
    }


def test_without_data_every_row_is_not_measured(tmp_path):
    found = bar(tmp_path, [made_up_gpu.entry("lstm", "torch", 64)], checks=[])
    assert set(found.values()) == {("not measured", None)}


def test_a_part_that_is_missing_is_named_and_the_row_not_met(tmp_path):
    rows = [made_up_gpu.entry(*series, 512) for series in (("urnn", "cuda"), ("urnn", "reference"))]
    found = bar(tmp_path, rows)
    assert found["Training step against the eager reference"] == ("x100 at n = 512; not measured at n = 128", None)


def test_a_figure_beyond_the_bar_is_not_met_though_others_are_missing(tmp_path):
    slow = made_up_gpu.entry("urnn", "cuda", 512, call=50e-3)
    found = bar(tmp_path, [slow, made_up_gpu.entry("urnn", "reference", 512)])
    against = found["Training step against the eager reference"]
    assert against == ("x4.0 at n = 512; not measured at n = 128", False)


def test_a_step_a_memory_and_an_error_beyond_the_bar_are_not_met(tmp_path):
    rows = [
        made_up_gpu.entry("urnn", "cuda", 512, "forward", call=6e-3),
        made_up_gpu.entry("urnn", "cuda", 512, peak=2**31),
    ]
    found = bar(tmp_path, rows, checks=[made_up_gpu.check(output_error=0.5)])
    assert found["Device time of one forward time step at n = 512"] == ("3.91 µs", False)
    assert found[f"{MEMORY}every state"] == ("x8.00", False)
    error = found["Error of the output against float64 at T = 2048"]
    assert error == ("2e+01 n T eps, a relative error of 5.0e-01", False)


def test_a_wave_that_takes_longer_breaks_linearity(tmp_path):
    rows = [made_up_gpu.entry("urnn", "cuda", 512, batch=batch) for batch in (132, 264)]
    rows.append(made_up_gpu.entry("urnn", "cuda", 512, batch=2112, call=4e-3))
    found, met = bar(tmp_path, rows)["Sequences a second from B = 132 to 2112 at n = 512"]
    assert found == "at least 50 % of those at B = 132 in training; not measured at B = 132, 264, 528, 1056, 2112"
    assert met is False


def test_memory_that_ran_out_is_no_figure(tmp_path):
    cell = made_up_gpu.entry("lstm", "torch", 512)["extra_info"]
    gone = {**cell, "cell": "x", "outcome": "out of memory", "message": "CUDA out of memory."}
    assert bar(tmp_path, [made_up_gpu.entry("urnn", "cuda", 512)], outcomes=[gone])[LSTM] == ("not measured", None)


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


def test_each_device_has_one_section_with_its_own_facts(both):
    sections = gather(both, "Title").sections
    assert [part.section.setting.device for part in sections] == ["cuda", "cpu"]
    gpu, cpu = (dict(part.facts) for part in sections)
    assert gpu["GPU"] == "made-up GPU"
    assert gpu["GPU's facts"] == (
        "compute capability 9.0, 132 multiprocessors, CUDA 13.0, cuDNN 91002, "
        "CUDA kernel of 512 units built in 2.50 s, outside every measurement"
    )
    assert gpu["TF32"] == "off unless the dtype is tf32"
    assert gpu["Machine"] == "made-up"
    assert cpu["Machine"] == "box"
    assert not {"GPU", "GPU's facts", "TF32"} & set(cpu)


def test_no_line_mixes_devices(both):
    for part in gather(both, "Title").sections:
        assert set(part.section.rows["device"]) == {part.section.setting.device}
        assert set(part.section.rows["dtype"]) == {"float32"}


def test_the_bar_is_told_of_the_gpu_alone(both):
    gpu, cpu = gather(both, "Title").sections
    chapter = next(chapter for chapter in gpu.chapters if chapter.name == "device")
    assert chapter.sentences == [
        "Of 10 rows of the bar for the fused kernel, 9 are met, 1 are not, and 0 are not or not wholly measured."
    ]
    assert [table.name for table in chapter.tables] == [
        "The bar",
        "In other dtypes",
        "What a call's launches cost",
    ]
    assert "device" not in [chapter.name for chapter in cpu.chapters]


def test_other_dtypes_without_a_urnn_are_told_beside_it(both):
    gpu = gather(both, "Title").sections[0]
    table = next(chapter for chapter in gpu.chapters if chapter.name == "device").tables[1]
    assert {row[6].text for row in table.rows} == {"bfloat16", "float16"}
    assert len(table.rows) == 2 * 2 * len(made_up_gpu.SIZES)


def test_what_limits_a_call_is_said(both):
    gpu = gather(both, "Title").sections[0]
    rows = next(chapter for chapter in gpu.chapters if chapter.name == "device").tables[2].rows
    bound = {row[0].text: row[-1].text for row in rows}
    assert bound["uRNN (eager reference)"] == "its launches"
    assert bound["uRNN (eager reference in a graph)"] == "its work"


def test_a_disturbed_cell_is_called_unstable_with_the_reason(both):
    gpu = gather(both, "Title").sections[0]
    assert [row[-1].text for row in gpu.unstable.rows] == [made_up_gpu.HEAT]


def test_the_page_and_the_markdown_hold_both(both, tmp_path):
    page = write_report(both, tmp_path / "report").page.read_text()
    for text in ("made-up GPU", "The bar for a CUDA device", "box, cpu, float32", "made-up, cuda, float32"):
        assert text in page
    text = markdown(gather(both, "Title"))
    assert "| Device time of one forward time step at n = 512 | at most 3 µs | 1.30 µs | met |" in text
    assert list((tmp_path / "report" / "figures").glob("*.png"))
    assert list((tmp_path / "report" / "figures" / "box-cpu-float32-1-kept").glob("*.png"))


def test_where_no_cuda_device_was_measured_the_first_section_says_so(both):
    def told(results: Results) -> list[tuple[str, bool]]:
        """(device, whether the bar was measured) of each section that speaks of the bar."""
        return [
            (part.section.setting.device, chapter.measured)
            for part in gather(results, "Title").sections
            for chapter in part.chapters
            if chapter.title == "The bar for a CUDA device"
        ]

    assert told(both) == [("cuda", True)]
    assert told(Results(both.frame[both.frame["device"] == "cpu"])) == [("cpu", False)]
