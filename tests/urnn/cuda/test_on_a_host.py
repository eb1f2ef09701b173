"""The CUDA kernels on a host: every cut, launches and their blocks, and that the host sees a race where one is."""

import shutil

import pytest
import torch

from tests.urnn.cuda.host import H100, SOURCES, HostKernels, KernelError
from tests.urnn.parity import OF_THE_LAYER, arguments, assert_equals_reference, call
from urnn.backends import fused
from urnn.backends.cpu import build as cpu_build
from urnn.backends.cuda import launch as cuda_launch
from urnn.backends.cuda import sequence, tables
from urnn.backends.cuda.plan import Plan, choose, with_tables

pytestmark = [
    pytest.mark.skipif(cpu_build.compiler() is None, reason="no C++ compiler on this machine"),
    pytest.mark.slow,
]


# Cuts that test_fused_kernels.py leaves out: other units a thread than usual at this size, or the other dtype.
CUTS = {
    torch.float32: [
        (8, 4),
        (16, 8),
        (64, 4),
        (64, 8),
        (256, 8),
        (512, 2),
        (1024, 4),
        (60, 6),
        (100, 10),
        (768, 8),
    ],
    torch.float64: [(16, 2), (64, 2), (128, 8), (256, 4), (512, 4), (12, 6), (100, 5), (360, 6), (500, 10)],
}


@pytest.mark.parametrize(
    ("dtype", "n", "elements"), [(dtype, *cut) for dtype, cuts in CUTS.items() for cut in cuts], ids=str
)
def test_every_cut_is_the_same_function(cuda_on_a_host, monkeypatch, n, elements, dtype, generator):
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", str(elements))
    for m in (2, 3):
        assert_equals_reference(fused.run_sequence, arguments(n, 3, 3, m, dtype, generator), dtype)


# Both kinds of units a thread, with tables in shared memory or not; at 4096 threads have no registers for V.
@pytest.mark.parametrize(
    ("n", "elements", "dtype"),
    [
        (4, 2, torch.float64),
        (32, 4, torch.float32),
        (64, 2, torch.float32),
        (64, 8, torch.float64),
        (512, 4, torch.float64),
        (1024, 8, torch.float32),
        (4096, 8, torch.float32),
        (5, 5, torch.float64),  # one thread for a sample
        (12, 6, torch.float32),  # two
        (25, 5, torch.float32),
        (100, 5, torch.float32),
        (768, 8, torch.float32),
        (1000, 5, torch.float64),
    ],
    ids=str,
)
@pytest.mark.parametrize("m", [1, 2])
def test_few_inputs_are_multiplied_in_the_kernels(cuda_on_a_host, monkeypatch, n, elements, dtype, m, generator):
    """Their backward pass leaves no dL/dz, where threads have registers for V's gradient and x needs none."""
    monkeypatch.setenv("URNN_CUDA_ELEMENTS", str(elements))
    batch = 1 if n > 1024 else 3
    kernels = cuda_on_a_host.load(choose(n, batch, dtype, False, H100))
    kernels.launches.clear()
    given = arguments(n, batch, 8, m, dtype, generator)
    assert_equals_reference(fused.run_sequence, given, dtype, OF_THE_LAYER)
    back = ["backward_few"] if elements < 6 else ["backward"] * 4
    assert [name for name, _ in kernels.launches] == ["tables", "forward_few", *back, "finish"]


@pytest.mark.parametrize(("n", "batch", "blocks"), [(16, 8, 2), (16, 9, 3), (64, 5, 5), (512, 3, 3)])
def test_launches_are_the_tables_and_one_forward_and_one_a_chunk_back(cuda_on_a_host, n, batch, blocks, generator):
    given = arguments(n, batch, 9, 3, torch.float32, generator)
    for name in ("x", "theta"):
        given[name].requires_grad_()
    kernels = cuda_on_a_host.load(choose(n, batch, torch.float32, False, H100))
    kernels.launches.clear()
    states, _ = call(fused.run_sequence, **given)
    assert kernels.launches == [("tables", 1), ("forward", blocks)]
    kernels.launches.clear()
    states.sum().backward()
    assert kernels.launches == [*[("backward", blocks)] * 3, ("finish", 1)]


def test_the_backward_pass_makes_tables_anew_for_other_kernels(cuda_on_a_host, monkeypatch, generator):
    """Their units are in another order."""
    found = []
    for elements in ("4", "2"):
        given = arguments(16, 3, 2, 2, torch.float32, torch.Generator().manual_seed(0))
        given["theta"].requires_grad_()
        monkeypatch.setenv("URNN_CUDA_ELEMENTS", "2")
        states, _ = call(fused.run_sequence, **given)
        monkeypatch.setenv("URNN_CUDA_ELEMENTS", elements)
        found += torch.autograd.grad(states.square().sum(), given["theta"])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(("offset", "again"), [(4, False), (1, True)])
def test_tables_are_made_anew_where_a_hook_has_moved_them_to_another_alignment(
    cuda_on_a_host, offset, again, generator
):
    """Copies of 16 bytes begin at them: four numbers of float32."""
    given = arguments(16, 3, 2, 3, torch.float32, generator)
    given["theta"].requires_grad_()

    def moved(saved: torch.Tensor) -> torch.Tensor:
        around = saved.new_empty(saved.numel() + 8)
        skipped = offset + -around.data_ptr() // around.element_size() % 4
        return around[skipped : skipped + saved.numel()].view(saved.shape).copy_(saved)

    expected = torch.autograd.grad(call(fused.run_sequence, **given)[0].square().sum(), given["theta"])
    kernels = cuda_on_a_host.load(choose(16, 3, torch.float32, False, H100))
    with torch.autograd.graph.saved_tensors_hooks(lambda saved: saved, moved):
        states, _ = call(fused.run_sequence, **given)
    kernels.launches.clear()
    found = torch.autograd.grad(states.square().sum(), given["theta"])
    assert (("tables", 1) in kernels.launches) == again
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("n", "elements", "half"),
    [(16, 4, None), (16, 4, torch.bfloat16), (10, 5, None), (20, 5, torch.bfloat16), (25, 5, None)],
    ids=str,
)
def test_what_lies_beside_the_batch_is_not_touched(cuda_on_a_host, n, elements, half, generator):
    """A block's last samples may lie past the batch: guards of NaN around each array stay and reach no result."""
    batch, steps = 5, 2
    plan = Plan(n, elements, torch.float32, released=False, half=half)
    assert batch % plan.group("forward").samples
    kernels = cuda_on_a_host.load(plan)

    def guarded(*shape: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
        size = torch.Size(shape).numel()
        whole = torch.full((size + 2048,), torch.nan, dtype=dtype)
        whole[1024:-1024] = torch.rand(size, generator=generator)
        return whole, whole[1024:-1024].view(shape)

    state, every_state = (batch, 2 * n), (steps, batch, 2 * n)
    shapes = {
        "theta": (3, n), "v": (2, 2 * n), "b": (n,), "h_0": state, "biases": (plan.row,),
        "tables": (tables.ROWS, plan.row, 2), "last": state, "carry": state, "few": (steps, batch, 2),
        "V": (2 * n, 2), "V_gradient": (2 * n, 2),
        "theta_gradient": (3, n), "v_gradient": (2, 2 * n), "b_gradient": (n,),
    }  # fmt: skip
    arrays = {name: guarded(*shape) for name, shape in shapes.items()}
    for name, shape in (("roots", (n, 2)), ("sums", (plan.blocks(batch), sequence.SUMS_OF_FEW, n))):
        arrays[name] = guarded(*shape, dtype=torch.float64)
    for name in ("states", "gradient", "z"):
        arrays[name] = guarded(*every_state, dtype=plan.stored)
    arrays |= {"x": guarded(steps, batch, 2, dtype=plan.stored), "first": guarded(*state, dtype=plan.stored)}
    a = {name: inner for name, (_, inner) in arrays.items()}
    permutation, places = torch.randperm(n, generator=generator), torch.empty(plan.row, dtype=torch.int32)
    blocks = plan.blocks(batch)
    made = (a["tables"], a["biases"], places)

    def launch(kernel: str, count: int, *values: torch.Tensor | float) -> None:
        kernels.launch(kernel, count, *(v.data_ptr() if isinstance(v, torch.Tensor) else v for v in values))

    launch("tables", 1, a["theta"], a["v"], permutation, a["b"], a["roots"], *made, 0, 0, 0)
    inputs = (a["few"], a["V"], 2)
    for kernel in ("forward", "forward_few"):
        launch(kernel, blocks, a["h_0"], 2 * n, *made, *inputs, a["states"], a["last"], steps, batch, 0.0)
    for kernel in ("backward", "backward_few"):
        launch(
            kernel, blocks, a["first"], 2 * n, *made, a["x"], *inputs, a["states"], a["gradient"], a["last"],
            a["carry"], a["z"], a["sums"], 0, steps, batch, 0.0,
        )  # fmt: skip
    gradients = (a["V_gradient"], 2, 1, a["theta_gradient"], a["v_gradient"], a["b_gradient"])
    launch("finish", 1, a["sums"].sum(0), a["v"], permutation, a["roots"], a["V"], *gradients)
    for name, (whole, inner) in arrays.items():
        assert torch.isnan(whole[:1024]).all(), name
        assert torch.isnan(whole[-1024:]).all(), name
        assert torch.isfinite(inner).all(), name


LAST_BARRIERS = "  scale<false, D2>(tables, h);\n  fourier<true>(h, group, tables.roots());\n"
BREAKS = {
    "a sum read behind the last barrier": (
        "forward.h",
        f"  group.end_sums(products);\n{LAST_BARRIERS}",
        f"{LAST_BARRIERS}  group.end_sums(products);\n",
        "forward .* a write that no barrier orders behind another thread's read",
    ),
    "one buffer instead of two": (
        "group.h",
        "buffer_ = SAMPLES * REGION - buffer_;",
        "",
        "tables .* a (read|write) that no barrier orders behind another thread's",
    ),
    "an exchange without a barrier": (
        "fourier.h",
        "  group.barrier();\n",
        "",
        "tables .* a read .*",
    ),
    "a place behind the end": (
        "group.h",
        "return buffer_ + member * REGION + int(padded<SPREAD>(units[e]));",
        "return buffer_ + member * REGION + int(padded<SPREAD>(units[e])) + BYTES / int(sizeof(T));",
        "tables .* an access behind the block's shared memory",
    ),
    "inputs that nobody has waited for": (
        "forward.h",
        "    if (!COPIED) return;\n    fetch();\n    wait_for_copies<AHEAD>();\n",
        "    if (!COPIED) return;\n    fetch();\n",
        "forward .* a read of what is still being copied",
    ),
    "a stage too few": (
        "forward.h",
        "AHEAD = N < 256 ? 2 : 1, STAGES = AHEAD + 1",
        "AHEAD = N < 256 ? 2 : 1, STAGES = AHEAD",
        "forward .* a read of what is still being copied",
    ),
    "copies that begin too early": (
        "forward.h",
        "  fourier<false>(h, group, tables.roots());\n  inputs.arrive();\n",
        "  inputs.arrive();\n  fourier<false>(h, group, tables.roots());\n",
        "forward .* a write that no barrier orders behind another thread's read",
    ),
    "states that nobody has waited for": (
        "backward.h",
        "    fetch(t - 2);\n    wait_for_copies<1>();\n",
        "    fetch(t - 2);\n",
        "backward .* a read of what is still being copied",
    ),
    "a barrier for some": (
        "backward.h",
        "  write_pair(a.carry + start, g, within);",
        "  if (group.lane == 0) group.barrier();\n  write_pair(a.carry + start, g, within);",
        "backward .* a barrier that not all threads reach",
    ),
}
# With 100 units, 20 of a sample's 32 threads have some, and 25 a butterfly of the second pass.
BREAKS_WITH_IDLE_THREADS = {
    "units of a thread that has none": (
        "group.h",
        "    if (!has_units()) return;\n",
        "",
        "tables .* a write that no barrier orders behind another thread's write",
    ),
    "a butterfly that there is not": (
        "fourier.h",
        "    if (P::has(group, s)) {\n",
        "    {\n",
        "tables .* a write that no barrier orders behind another thread's write",
    ),
    "a copy behind the end of a row": (
        "rows_ahead.h",
        "      if (has) copy_later",
        "      copy_later",
        "forward .* a write that no barrier orders behind another thread's write",
    ),
}

BREAKS_OF_FEW = {
    "few inputs that nobody has waited for": (
        "forward.h",
        "arrive() {\n    fetch();\n    wait_for_copies<AHEAD>();\n",
        "arrive() {\n    fetch();\n",
        "forward_few .* a read of what is still being copied",
    ),
    "a stage of few inputs missing": (
        "forward.h",
        "AHEAD = 3, STAGES = AHEAD + 1",
        "AHEAD = 3, STAGES = AHEAD",
        "forward_few .* a read of what is still being copied",
    ),
    "few inputs in the place of states": (
        "backward.h",
        "InputsAhead<BEFORE_PAST + ROW_BYTES, 2>",
        "InputsAhead<BEFORE_PAST, 2>",
        "backward_few .* a (read|write)",
    ),
}

BREAKS_WITH_SHARED_SUMS = {
    "sums of another thread": (
        "backward.h",
        "* Sample::THREADS + thread_index();",
        "* Sample::THREADS + thread_index() / 2;",
        "backward .* a (read|write) that no barrier orders behind another thread's write",
    ),
    "sums in the place of another buffer": (
        "backward.h",
        "kept_ = shared_at<T>(SUMS_AT + BEFORE);",
        "kept_ = shared_at<T>(BEFORE);",
        "backward .* a (read|write) that no barrier orders behind another thread's",
    ),
}

BREAKS_WITH_TABLES = {
    "tables that nobody has waited for": (
        "table_reader.h",
        "      wait_for_copies<0>();\n",
        "",
        "backward .* a read of what is still being copied",
    ),
    "tables in the place of sums": (
        "table_reader.h",
        "kept_rows_ = shared_at<Complex<Real>>(Sample::BYTES);",
        "kept_rows_ = shared_at<Complex<Real>>(0);",
        "backward .* a (read|write) that no barrier orders behind another thread's",
    ),
}

EVERY_BREAK = [
    *(pytest.param(512, 4, 3, False, *edit, id=name) for name, edit in BREAKS.items()),
    *(pytest.param(512, 4, 2, False, *edit, id=name) for name, edit in BREAKS_OF_FEW.items()),
    *(pytest.param(100, 5, 3, False, *edit, id=name) for name, edit in BREAKS_WITH_IDLE_THREADS.items()),
    *(pytest.param(100, 10, 3, False, *edit, id=name) for name, edit in BREAKS_WITH_SHARED_SUMS.items()),
    *(pytest.param(256, 8, 3, True, *edit, id=name) for name, edit in BREAKS_WITH_TABLES.items()),
]


@pytest.mark.parametrize(("n", "elements", "m", "kept", "file", "right", "wrong", "message"), EVERY_BREAK)
def test_the_host_sees_what_a_gpu_would_get_wrong(
    cuda_on_a_host, monkeypatch, tmp_path, n, elements, m, kept, file, right, wrong, message, generator
):
    for source in (*SOURCES.glob("*.h"), *SOURCES.glob("*.cu")):
        shutil.copy(source, tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count(right) == 1
    (tmp_path / file).write_text(text.replace(right, wrong))
    plan = Plan(n, elements, torch.float32, released=False)
    plan = with_tables(plan, 1, H100) if kept else plan
    broken = HostKernels(plan, cuda_on_a_host.library(plan, sources=tmp_path))
    monkeypatch.setattr(cuda_launch, "load", lambda plan: broken)
    given = arguments(n, 1, 12, m, torch.float32, generator)  # three steps a chunk
    given["theta"].requires_grad_()
    with pytest.raises(KernelError, match=message):
        call(fused.run_sequence, **given)[0].sum().backward()
