"""A kernel that is right passes, one that is wrong is found by its output or its gradient, and is not timed."""

import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from bench import checked, kernel_check
from bench.checked import run_checks, without_wrong
from bench.kernel_check import BROKEN, INPUTS, ODD_BATCH, SEED, STEPS, Check, all_sizes, check, main, sizes
from bench.lane.lane import Side
from bench.lane.settings import Settings
from bench.lane.sweep import plan
from bench.profiles import get_profile
from bench.run_file import RunFile
from tests.bench.cells import cell
from urnn.backends import BACKENDS, reference
from urnn.backends.contract import Parameters
from urnn.backends.cuda.plan import Device, Plan, choose
from urnn.backends.kernel_cache import BuildError

SETTINGS = Settings(get_profile("gpu"), 1, "kept")
USUAL = ("float32", "paper", INPUTS)
SIZE = ("mine", "cpu", 16, 12, 3, *USUAL)
RIGHT = Check(*SIZE, 1e-7, 1e-6, 2e-6, 3e-6)


@pytest.fixture
def kernel(monkeypatch):
    """Puts a backend "mine" among the uRNN's: the reference, spoilt by a function of its states in float32."""

    def put(spoil) -> None:
        def run_sequence(*arguments, **options):
            states, last = reference.run_sequence(*arguments, **options)
            return (spoil(states) if states.dtype in (torch.float32, torch.complex64) else states), last

        mine = replace(BACKENDS["reference"], name="mine", run_sequence=run_sequence)
        monkeypatch.setitem(BACKENDS, "mine", mine)

    return put


@pytest.mark.slow
def test_a_kernel_that_rounds_as_the_reference_does_is_right(kernel):
    kernel(lambda states: states)
    found = check(*SIZE)
    assert found.right
    assert 0 < found.output_error <= found.allowed_output < 1e-4
    assert found.line().startswith("urnn:mine n=16 T=12 B=3: right, output off by ")
    assert found.line().endswith(" from float64")


def test_an_output_that_is_off_is_wrong(kernel):
    kernel(lambda states: states * 1.0001)
    found = check(*SIZE)
    assert not found.right
    assert found.output_error == pytest.approx(1e-4, rel=0.1)
    assert ": WRONG, output off by 1.0e-04 (allowed " in found.line()


def test_a_gradient_that_is_off_is_wrong_though_the_output_is_right(kernel):
    kernel(lambda states: states.detach() + 1.001 * (states - states.detach()))
    found = check(*SIZE)
    assert found.output_error <= found.allowed_output
    assert found.gradient_error > found.allowed_gradient
    assert not found.right


def test_nan_is_wrong(kernel):
    kernel(lambda states: states * float("nan"))
    assert not check(*SIZE).right


def test_a_kernel_that_does_not_run_is_wrong_and_says_why(kernel):
    def refuse(states):
        raise RuntimeError("no kernel image\nis available")

    kernel(refuse)
    found = check(*SIZE)
    assert not found.right
    assert found.line() == (
        "urnn:mine n=16 T=12 B=3: wrong, it does not run: RuntimeError: no kernel image is available"
    )


def test_every_fused_urnn_of_the_cells_is_tried_once_a_size_and_once_at_the_longest_sequence():
    at = {"hidden_size": 64, "length": 512, "batch": 128}
    cells = [
        *(cell("urnn:cpu", phase=phase, **at) for phase in ("train", "forward")),
        cell("urnn:cpu", phase="train", **at | {"length": 2048}),
        cell("urnn:cpu", phase="stream", hidden_size=64),
        cell("urnn:reference", **at),
        cell("lstm:torch", **at),
    ]
    assert sizes(cells) == [
        ("cpu", "cpu", 64, STEPS, 128, *USUAL),
        ("cpu", "cpu", 64, 1, 1, *USUAL),
        ("cpu", "cpu", 64, 2048, 2, *USUAL),
    ]


def test_a_cuda_kernel_is_tried_at_every_size_with_a_last_block_that_is_not_full():
    cells = [cell("urnn:cuda", device="cuda", hidden_size=64, length=512, batch=128)]
    tried = all_sizes(cells)
    assert len(sizes(cells)) == 2
    assert tried[:2] == sizes(cells)
    both = [(dtype, preset, INPUTS) for dtype in ("float32", "float64") for preset in ("paper", "released")]
    few = [("float32", "paper", m) for m in (1, 2)]
    halves = [("bfloat16", "paper", INPUTS), ("float16", "paper", 2)]
    assert {size[2:] for size in tried if size[4] == ODD_BATCH} == {
        (n, STEPS // 2, ODD_BATCH, *kind)
        for n in (
            *(4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
            *(6, 12, 25, 60, 100, 360, 500, 768, 1000, 1536, 2025, 3000),
        )
        for kind in (*both, *few, *halves)
    }
    blocks = {Plan(n, 2, torch.float32, False).group("forward").samples for n in (4, 8, 16, 32)}
    assert all(ODD_BATCH % samples for samples in blocks)


def test_a_cuda_kernel_is_tried_with_its_sums_in_shared_memory():
    tried = all_sizes([cell("urnn:cuda", device="cuda", hidden_size=64, length=512, batch=128)])
    h100 = Device(132, 227 * 1024)
    found = {
        (choose(n, batch, torch.float32, False, h100, torch.bfloat16).shared_sums, dtype)
        for _, _, n, _, batch, dtype, *_ in tried
        if batch > 500
    }
    assert found == {(sums, dtype) for sums in (4, 8) for dtype in ("float32", "bfloat16")}


def test_cells_of_a_cpu_add_no_cuda_kernel():
    cells = [cell("urnn:cpu", hidden_size=64, length=512, batch=128)]
    assert all_sizes(cells) == sizes(cells)


@pytest.mark.parametrize(
    ("dtype", "preset"), [("float32", "released"), ("float64", "paper"), ("float64", "released")]
)
def test_the_released_preset_and_float64_are_checked_too(kernel, dtype, preset):
    kernel(lambda states: states)
    found = check(*SIZE[:5], dtype, preset)
    assert found.right
    words = [word for word in (dtype, preset) if word not in USUAL]
    assert f"n=16 T=12 B=3 {' '.join(words)}: right" in found.line()
    if dtype == "float64":
        assert found.allowed_output < 1e-13


@pytest.mark.parametrize("m", [1, 2])
def test_few_inputs_are_checked_too(kernel, m):
    kernel(lambda states: states)
    found = check(*SIZE[:7], m)
    assert found.right
    assert f"n=16 T=12 B=3 m={m}: right" in found.line()


def test_a_float64_kernel_that_computes_in_float32_is_wrong(monkeypatch):
    def run_sequence(x, h_0, parameters):
        single = Parameters(
            *(one.float() if torch.is_tensor(one) and one.is_floating_point() else one for one in parameters)
        )
        return tuple(one.double() for one in reference.run_sequence(x.float(), h_0.float(), single))

    monkeypatch.setitem(BACKENDS, "mine", replace(BACKENDS["reference"], name="mine", run_sequence=run_sequence))
    assert not check(*SIZE[:5], "float64", "paper").right


def test_a_draw_with_a_unit_at_its_kink_is_drawn_again(monkeypatch, kernel):
    """A gradient that jumps under a change of the bias as small as rounding would condemn a right kernel."""
    kernel(lambda states: states)
    run, seeds = kernel_check._Work.run, []

    def jumping(self, backend, dtype, seed, shift=0.0):
        seeds.append(seed)
        output, *gradients = run(self, backend, dtype, seed, shift)
        return [output, *(1.01 * one if seed == SEED and shift > 0 else one for one in gradients)]

    monkeypatch.setattr(kernel_check._Work, "run", jumping)
    assert check(*SIZE).right
    assert set(seeds) == {SEED, SEED + 1}
    assert seeds[-1] == SEED + 1  # the kernel's own run


class Scaled:
    """Runs in the place of the real ones: all are right but for gradients that are off by a share, by seed."""

    def __init__(self, monkeypatch, kernel: dict[int, float], single: dict[int, float]) -> None:
        self.seeds: list[int] = []
        exact = [torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)]

        def run(work, backend, dtype, seed, shift=0.0):
            output, gradient = exact
            if backend == "mine":
                self.seeds.append(seed - SEED)
                gradient = gradient * (1 + kernel[seed - SEED])
            elif dtype == torch.float32:
                gradient = gradient * (1 + single[seed - SEED])
            return [output, gradient * (1 + 1e-9 * bool(shift))]

        monkeypatch.setattr(kernel_check._Work, "run", run)


def test_gradients_a_little_beyond_what_is_allowed_are_computed_on_another_draw(monkeypatch):
    single = dict.fromkeys(range(5), 1e-5)  # 4e-5 are allowed
    runs = Scaled(monkeypatch, {0: 1e-4, 1: 1.2e-4, 2: 3e-5}, single)
    assert check(*SIZE).right
    assert runs.seeds == [0, 1, 2]


def test_gradients_far_beyond_it_are_wrong_at_once(monkeypatch):
    runs = Scaled(monkeypatch, {0: 2e-4}, dict.fromkeys(range(5), 1e-5))
    assert not check(*SIZE).right
    assert runs.seeds == [0]


def test_gradients_a_little_beyond_it_on_every_draw_are_wrong(monkeypatch):
    runs = Scaled(monkeypatch, dict.fromkeys(range(5), 1e-4), dict.fromkeys(range(5), 1e-5))
    found = check(*SIZE)
    assert not found.right
    assert found.gradient_error == pytest.approx(1e-4)
    assert runs.seeds == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("single", "taken"), [((1e-3, 1e-3, 1e-6, 1e-7, 1e-7), 2), ((1e-3, 5e-4, 4e-4, 2e-4, 3e-4), 3)]
)
def test_sixteen_bits_are_held_against_a_draw_whose_gradients_float32_gets_right(monkeypatch, single, taken):
    """The first one that is, or the best."""
    runs = Scaled(monkeypatch, dict.fromkeys(range(5), 1e-3), dict(enumerate(single)))
    assert check(*SIZE[:5], "bfloat16", "paper", INPUTS).right
    assert runs.seeds == [taken]


def test_sixteen_bits_a_little_beyond_what_is_allowed_are_computed_on_the_next_best_draw(monkeypatch):
    single = dict(enumerate((1e-3, 5e-4, 4e-4, 2e-4, 3e-4)))
    runs = Scaled(monkeypatch, {0: 1.0, 1: 1.0, 2: 1e-3, 3: 0.03, 4: 0.02}, single)
    assert check(*SIZE[:5], "bfloat16", "paper", INPUTS).right
    assert runs.seeds == [3, 4, 2]


def test_sizes_go_in_and_checks_come_out_a_line_each(kernel, monkeypatch, capsys):
    kernel(lambda states: states)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: json.dumps([SIZE, SIZE])))
    assert main() == 0
    assert [Check(**json.loads(line)).right for line in capsys.readouterr().out.splitlines()] == [True, True]


@pytest.fixture
def process(monkeypatch):
    """The checking processes replaced by what each prints; `put` returns what each was asked to check."""

    def put(*each: tuple[str, str, int]) -> list[list]:
        prepared, asked = iter(each), []

        @contextlib.contextmanager
        def child(*arguments, stdin, stderr, **options):
            stdout, said, code = next(prepared)
            asked.append(json.load(stdin))
            stderr.write(said)
            yield SimpleNamespace(stdout=stdout.splitlines(keepends=True), wait=lambda: code)

        monkeypatch.setattr(checked.children, "child", child)
        return asked

    return put


CELLS = [cell("urnn:cpu", hidden_size=n, length=512, batch=4) for n in (16, 32)]


def line_of(found: Check) -> str:
    return json.dumps(vars(found)) + "\n"


def test_each_check_is_told(process):
    wanted = sizes(CELLS)
    process(("".join(line_of(replace(RIGHT, hidden_size=size[2])) for size in wanted), "", 0))
    told = []
    checks = run_checks(sizes(CELLS), SETTINGS, told.append)
    assert [found.line() for found in checks] == told
    assert len(told) == len(wanted) == 4


def test_a_process_that_dies_takes_one_check_with_it_and_another_goes_on(process):
    asked = process(
        (line_of(RIGHT) + '{"backend": "m', "Traceback\ncudaErrorIllegalAddress\n", -6),
        (2 * line_of(RIGHT), "", 0),
    )
    checks = run_checks(sizes(CELLS), SETTINGS, lambda line: None)
    assert [found.right for found in checks] == [True, False, True, True]
    assert checks[1].failure == "the process that checked it ended with exit code -6 (cudaErrorIllegalAddress)"
    wanted = [list(size) for size in sizes(CELLS)]
    assert asked == [wanted, wanted[2:]]


def test_after_an_error_of_cudas_the_rest_is_checked_by_another_process(process):
    failed = replace(RIGHT, failure="AcceleratorError: CUDA error: an illegal memory access was encountered")
    process((line_of(failed), "", BROKEN), (3 * line_of(RIGHT), "", 0))
    checks = run_checks(sizes(CELLS), SETTINGS, lambda line: None)
    assert [found.right for found in checks] == [False, True, True, True]
    assert checks[0].failure == failed.failure


def test_a_process_ends_after_an_error_of_cudas(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        kernel_check, "check", lambda *size: replace(RIGHT, failure="RuntimeError: CUDA error: sticky")
    )
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: json.dumps([SIZE, SIZE])))
    assert main() == BROKEN
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_without_a_fused_kernel_there_is_nothing_to_check():
    told = []
    assert run_checks(sizes([cell("lstm:torch"), cell("urnn:reference")]), SETTINGS, told.append) == []
    assert told == ["no fused uRNN kernel for these cells: nothing to check"]


def test_a_wrong_kernel_is_not_timed_at_that_size_and_the_others_are(tmp_path):
    run_file = RunFile.at(tmp_path / "run.json", {})
    cells = [*CELLS, cell("urnn:reference", hidden_size=16), cell("lstm:torch", hidden_size=16)]
    wrong = Check("cpu", "cpu", 16, 12, 3, *USUAL, 1.0, 1e-6, 2e-6, 3e-6)
    checks = [wrong, Check("cpu", "cpu", 32, 12, 3, *USUAL, 1e-7, 1e-6, 2e-6, 3e-6)]
    kept = without_wrong(plan(cells, 2), checks, Side(SETTINGS, run_file))
    assert {job.cell for job in kept} == set(cells[1:])
    run = run_file.content["run"]
    assert [(entry["cell"], entry["pass"], entry["outcome"]) for entry in run["outcomes"]] == [
        (CELLS[0].id, 1, "failed"),
        (CELLS[0].id, 2, "failed"),
    ]
    assert run["outcomes"][0]["message"] == f"not timed: {wrong.line()}"
    assert run["checks"][0]["output_error"] == 1.0
    without_wrong(plan(cells, 2), checks, Side(SETTINGS, run_file))
    assert len(run["outcomes"]) == 2  # the same command again stores nothing twice


def test_a_kernel_that_did_not_run_says_why_and_is_tried_again_by_the_next_run(tmp_path, monkeypatch):
    def no_compiler(dtype):
        raise BuildError("no C++ compiler (g++) was found")

    monkeypatch.setattr("urnn.backends.cpu.build.library", no_compiler)
    found = check("unknown", "cpu", 16, 12, 3)
    assert found.failure == "BuildError: no C++ compiler (g++) was found"
    run_file = RunFile.at(tmp_path / "run.json", {})
    checks = [replace(found, backend="cpu"), replace(RIGHT, backend="cpu", hidden_size=32)]
    jobs = plan(CELLS, 1)
    assert without_wrong(jobs, checks, Side(SETTINGS, run_file)) == jobs[1:]
    assert run_file.measured() == set()
    assert run_file.content["run"]["outcomes"][0]["message"] == f"not timed: {checks[0].line()}"


def test_a_kernel_of_16_bits_that_is_wrong_stops_the_cells_of_its_dtype_alone():
    size = {"hidden_size": 16, "device": "cuda"}
    cells = {dtype: cell("urnn:cuda", dtype=dtype, **size) for dtype in ("float32", "bfloat16", "float16")}
    wrong = replace(RIGHT, backend="cuda", dtype="bfloat16", output_error=1.0)
    assert {dtype for dtype, one in cells.items() if checked.failed_check(one, [wrong])} == {"bfloat16"}
    wrong = replace(wrong, dtype="float32")
    assert {dtype for dtype, one in cells.items() if checked.failed_check(one, [wrong])} == set(cells)


def test_cells_of_16_bits_are_tried_in_their_dtype():
    at = {"hidden_size": 64, "length": 512, "batch": 128}
    cells = [cell("urnn:cuda", phase="train", device="cuda", dtype="bfloat16", **at)]
    tried = sizes(cells)
    assert tried[:2] == [
        ("cuda", "cuda", 64, STEPS, 128, "bfloat16", "paper", INPUTS),
        ("cuda", "cuda", 64, 512, 2, "bfloat16", "paper", INPUTS),
    ]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_kernel_that_rounds_to_16_bits_is_right_and_one_that_is_twice_as_far_off_is_wrong(monkeypatch, dtype):
    def rounded(more):
        def run_sequence(x, h_0, parameters):
            states, last = kernel_check.rounding_inputs(x.dtype)(x.float(), h_0, parameters)
            return (states * more).to(x.dtype), last * more

        halves = (torch.float16, torch.bfloat16)
        mine = replace(BACKENDS["reference"], name="mine", run_sequence=run_sequence, halves=halves)
        monkeypatch.setitem(BACKENDS, "mine", mine)
        return check(*SIZE[:5], dtype)

    found = rounded(1.0)
    assert found.right
    assert 0 < found.output_error <= torch.finfo(getattr(torch, dtype)).eps / 2
    assert f"n=16 T=12 B=3 {dtype}: right" in found.line()
    assert not rounded(1 + 2 * found.allowed_output).right
