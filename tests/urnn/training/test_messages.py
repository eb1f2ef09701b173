"""What a user reads when a run cannot start: one line, exit code 2, and nothing is trained."""

import io
import os
import shutil
from pathlib import Path

import pytest
import torch

from tests.urnn.training.tiny import TINY, complaint, run
from urnn.models import MODELS, every
from urnn.tasks.recall import KEYS
from urnn.tasks.text import manual
from urnn.training import checkpoint
from urnn.training.__main__ import main
from urnn.training.errors import TrainingError
from urnn.training.folder import owned
from urnn.training.log import Log
from urnn.training.optimisers import OPTIMISERS
from urnn.training.problems import PROBLEMS
from urnn.training.settings import MOST_THREADS
from urnn.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("few_held_out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("sorting", f"unknown task 'sorting'; there are: {', '.join(PROBLEMS)}"),
        ("copying", "copying needs --length T, the paper's T; say --length 100"),
        ("copying --length=0", "--length of copying must be from 1 to 1000000000, got 0"),
        ("adding --length=-3", "--length of adding must be from 2 to 1000000000, got -3"),
        ("adding --length=1", "--length of adding must be from 2 to 1000000000, got 1"),
        ("parity --length=30", "parity trains on lengths from 4 to 40, got --length 30; leave it out"),
        ("selective_copying", "selective_copying needs --length T, the wait, as in copying; say --length 100"),
        ("denoising --length=0", "--length of denoising must be from 1 to 1000000000, got 0"),
        (
            "associative_recall",
            "associative_recall needs --length T, the pairs of a sequence; say --length 4",
        ),
        (
            f"associative_recall --length={KEYS + 1}",
            f"--length of associative_recall must be from 1 to {KEYS}, got {KEYS + 1}",
        ),
        (
            "characters --length=1000000",
            f"length must be from 1 to {len(manual().test) - 1} characters, as many as a part of the text has, "
            "got 1000000",
        ),
        ("text --length=0", "--length of text must be from 1 to 1000000000, got 0"),
        (
            "text --enwik8=nowhere",
            "expected a file enwik8 in nowhere (No such file or directory); name the folder that has it, or leave "
            "it out for Python's manual",
        ),
        ("digits_rows --length=30", "digits_rows has 8 time steps, one a row, got --length 30; leave it out"),
        ("digits --length=30", "digits has 64 time steps, one a pixel, got --length 30; leave it out"),
        (
            "digits --batch=1258",
            "batch must be at most the 1257 images there are to train on, got 1258",
        ),
        (
            "copying --length=9 --model=gpt",
            f"unknown model 'gpt'; the registry (urnn/models.py) has: {', '.join(every())}",
        ),
        (
            "copying --length=9 --model=lstm --initial=henaff",
            "--initial of lstm must be one of forget_bias_one, chrono, got 'henaff'",
        ),
        (
            "copying --length=9 --model=urnn --initial=chrono",
            "--initial names first values that are published for a model, and urnn has none; leave it out, "
            "got 'chrono'",
        ),
        ("copying --length=9 --hidden=0", "--hidden must be a whole number from 1 to 1000000000, got 0"),
        ("copying --length=9 --batch=0", "--batch must be a whole number from 1 to 1000000000, got 0"),
        (
            "copying --length=9 --max-iterations=0",
            "--max-iterations must be a whole number from 1 to 1000000000, got 0",
        ),
        (
            "copying --length=9 --evaluate-every=0",
            "--evaluate-every must be a whole number from 1 to 1000000000, got 0",
        ),
        (
            "copying --length=9 --optimiser=newton",
            f"unknown optimiser 'newton'; there are: {', '.join(OPTIMISERS)}",
        ),
        ("copying --length=9 --device=tpu", "--device must be cpu or cuda, got tpu"),
        (
            "copying --length=9 --model=urnn --backend=tpu",
            f"backend of urnn must be one of {', '.join(MODELS['urnn'].backends)}; got 'tpu'",
        ),
        (
            "copying --length=9 --model=lstm --backend=cpu",
            "backend of lstm must be one of torch, native; got 'cpu'",
        ),
        (
            "copying --length=9 --hidden=20000 --backend=cpu",
            "backend 'cpu' cannot run hidden_size=20000 on cpu; use backend='auto' or 'reference'",
        ),
    ],
)
def test_a_bad_argument_is_named(arguments, message, tmp_path, capsys):
    assert complaint(arguments.split(), tmp_path, capsys) == message


WHOLE = "a whole number from {} to {}"
COUNT = WHOLE.format(1, 10**9)
DIGITS = "9" * 26
RANGES = {
    "--hidden": (COUNT, ["-1", "0", "1000000001", DIGITS]),
    "--batch": (COUNT, ["-1", "0", DIGITS]),
    "--max-iterations": (COUNT, ["-1", "0", DIGITS]),
    "--evaluate-every": (COUNT, ["-1", "0", DIGITS]),
    "--threads": (WHOLE.format(1, MOST_THREADS), ["-1", "0", str(MOST_THREADS + 1), "1000000", DIGITS]),
    "--seed": (WHOLE.format(0, 2**63 - 1), ["-1", str(2**63), str(2**64), DIGITS]),
    "--learning-rate": ("a number from 1e-30 to 1e+30", ["nan", "inf", "-inf", "-1.0", "0.0", "1e+31", "1e-31"]),
    "--slow-rate": ("a number from 1e-09 to 1000000.0", ["nan", "inf", "-1.0", "0.0", "1e+31"]),
    "--clip": ("a number from 1e-30 to 1e+30, or 0 for none", ["nan", "inf", "-1.0", "1e+300"]),
    "--clip-norm": ("a number from 1e-30 to 1e+30, or 0 for none", ["nan", "inf", "-1.0", "1e+300"]),
    "--decay": ("a number of at least 0 and less than 1", ["nan", "inf", "-0.1", "1.0"]),
    "--momentum": ("a number of at least 0 and less than 1", ["nan", "inf", "-0.1", "1.0"]),
}


@pytest.mark.parametrize(
    ("option", "wanted", "got"),
    [(option, wanted, got) for option, (wanted, many) in RANGES.items() for got in many],
)
def test_a_number_out_of_its_range_is_named_with_the_range(option, wanted, got, tmp_path, capsys):
    told = complaint(["copying", "--length=9", f"{option}={got}"], tmp_path, capsys)
    assert told == f"{option} must be {wanted}, got {got}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", ["1000000000000", DIGITS])
def test_a_length_out_of_its_range_is_named(length, tmp_path, capsys):
    told = complaint(["copying", f"--length={length}"], tmp_path, capsys)
    assert told == f"--length of copying must be from 1 to 1000000000, got {length}"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--hidden=many", "--hidden must be a whole number, got 'many'"),
        ("--decay=1,5", "--decay must be a number, got '1,5'"),
        ("--hiden=5", "unrecognized arguments: --hiden=5"),
        ("--seed=1e3", "--seed must be a whole number, got '1e3'"),
        ("--ramp=x", "--ramp must be a whole number, got 'x'"),
        ("--batch", "argument --batch: expected one argument"),
    ],
)
def test_what_is_no_number_or_no_option_is_one_line(argument, message, tmp_path, capsys):
    told = complaint(["copying", "--length=9", argument], tmp_path, capsys)
    assert told == f"{message}; see python -m urnn.training --help"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_an_absent_gpu_is_named(tmp_path, capsys):
    assert complaint([*TINY, "--device=cuda"], tmp_path, capsys) == (
        "device 'cuda' was asked for and torch sees no CUDA device here; use --device cpu"
    )


@pytest.mark.parametrize("task", ["mnist", "permuted_mnist"])
def test_missing_mnist_files_are_named_with_a_way_to_get_them(task, tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "train-labels-idx1-ubyte.gz").touch()
    told = complaint([task, f"--mnist={folder}"], tmp_path, capsys)
    assert told == (
        f"MNIST is not whole in {folder} or {folder / 'MNIST' / 'raw'}: no train-images-idx3-ubyte, "
        "t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, plain or .gz; fetch the four files from "
        "https://ossci-datasets.s3.amazonaws.com/mnist/ (the mirror that torchvision uses) into one folder "
        "and name it with --mnist FOLDER"
    )


def write(path: Path, content: object) -> None:
    """A checkpoint with a right checksum, whatever is in it."""
    body = io.BytesIO()
    torch.save(content, body)
    path.write_bytes(checkpoint.sealed(body.getvalue()))


class Planted:
    """Unpickled without care, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


class TestCheckpoint:
    @pytest.fixture
    def path(self, tmp_path, capsys):
        """The checkpoint of a run that has not ended."""
        assert main([*TINY, f"--runs={tmp_path}"]) == 0
        capsys.readouterr()
        folder = tmp_path / "copying-T10" / "urnn-n4-seed0"
        log = folder / "log.jsonl"
        log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
        return folder / checkpoint.NAME

    @pytest.mark.parametrize("kept", [0, 1, 200, -10])
    def test_a_truncated_one_is_refused(self, path, kept, tmp_path, capsys):
        path.write_bytes(path.read_bytes()[:kept])
        told = complaint(TINY, tmp_path, capsys)
        assert told.startswith(f"{path} is damaged or no checkpoint (")
        assert told.endswith("); start over with --fresh, or name another folder with --runs")

    def test_one_of_another_model_is_refused(self, path, tmp_path, capsys):
        other = path.parents[1] / "lstm-n4-seed0"
        other.mkdir()
        shutil.copy(path, other)
        assert complaint([*TINY, "--model=lstm"], tmp_path, capsys) == (
            f"{other / path.name} is of another run: model urnn instead of lstm, "
            f"backend {checkpoint.read(path)['identity']['backend']} instead of torch, "
            "slow_rate 1.0 instead of 0.1, clip None instead of 1.0; "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_one_of_other_settings_is_refused(self, path, tmp_path, capsys):
        told = complaint([*TINY, "--learning-rate=0.01", "--max-iterations=7", "--batch=3"], tmp_path, capsys)
        assert told == (
            f"{path} is of another run: batch 2 instead of 3, learning_rate 0.001 instead of 0.01; "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_one_of_another_format_is_refused(self, path, tmp_path, capsys):
        path.write_bytes(checkpoint.sealed(b"", version=3))
        assert complaint(TINY, tmp_path, capsys) == (
            f"expected {path} to be a checkpoint of format 2, got 3; "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_one_of_the_time_before_checksums_is_refused(self, path, tmp_path, capsys):
        torch.save({"format": 1, **checkpoint.read(path)}, path)
        assert complaint(TINY, tmp_path, capsys) == (
            f"{path} is of format 1, which has no checksum, and this version reads format 2; "
            "start over with --fresh, or name another folder with --runs"
        )

    @pytest.mark.parametrize("content", [[1, 2], {"identity": {}}, {"identity": [], "state": {}}])
    def test_one_without_identity_and_state_is_refused(self, content, path, tmp_path, capsys):
        write(path, content)
        assert complaint(TINY, tmp_path, capsys) == (
            f"{path} is damaged or no checkpoint (no identity and state in it); "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_one_with_code_in_it_is_refused_and_the_code_is_not_run(self, path, tmp_path, capsys):
        write(path, Planted(tmp_path / "ran"))
        assert complaint(TINY, tmp_path, capsys).startswith(f"{path} is damaged or no checkpoint (Weights only ")
        assert not (tmp_path / "ran").exists()

    def test_one_whose_tensors_do_not_fit_is_refused(self, path, tmp_path, capsys):
        content = checkpoint.read(path)
        del content["state"]["network"]["read_out.bias"]
        write(path, content)
        assert complaint(TINY, tmp_path, capsys) == (
            f"{path} does not fit this model (RuntimeError); "
            "start over with --fresh, or name another folder with --runs"
        )

    def test_one_without_its_log_is_refused(self, path, tmp_path, capsys):
        log = path.with_name("log.jsonl")
        log.unlink()
        told = complaint(TINY, tmp_path, capsys)
        assert told == f"{log} is missing or damaged beside a checkpoint; start over with --fresh"

    def test_fresh_forgets_a_damaged_one(self, path, tmp_path):
        path.write_bytes(b"")
        assert main([*TINY, f"--runs={tmp_path}", "--fresh"]) == 0


def test_a_folder_is_trained_by_one_process_at_a_time(tmp_path, capsys):
    folder = tmp_path / "copying-T10" / "urnn-n4-seed0"
    with owned(folder):
        told = complaint(TINY, tmp_path, capsys)
    assert told.startswith(f"{folder} is in use by process {os.getpid()}, since ")
    assert told.endswith("; wait until it has ended, or end it")
    assert main([*TINY, f"--runs={tmp_path}"]) == 0


@pytest.mark.parametrize("instead", ["nothing", "a file", "another's folder"])
def test_a_folder_that_is_replaced_in_the_middle_is_not_written_to(instead, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "copying-T10" / "urnn-n4-seed0"
    plain = Trainer.iterate

    def replaced(self):
        plain(self)
        shutil.rmtree(folder)
        if instead == "a file":
            folder.touch()
        if instead == "another's folder":
            run(folder, hidden_size=4)

    monkeypatch.setattr(Trainer, "iterate", replaced)
    if instead == "another's folder":
        monkeypatch.setattr(Trainer, "iterate", lambda self: (monkeypatch.undo(), replaced(self)))
    assert complaint([*TINY, "--evaluate-every=1"], tmp_path, capsys, quiet=False) == (
        f"{folder} was removed or replaced while it was written to; start again"
    )
    if instead == "another's folder":
        assert Log(folder).end()["iteration"] == 9


@pytest.mark.parametrize("kind", ["folder", "FIFO", "link"])
def test_a_lock_that_is_no_file_is_named(kind, tmp_path, capsys):
    path = tmp_path / "copying-T10" / "urnn-n4-seed0" / "lock"
    path.parent.mkdir(parents=True)
    {"folder": path.mkdir, "FIFO": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(tmp_path / "other")}[
        kind
    ]()
    told = complaint(TINY, tmp_path, capsys)
    assert (
        told
        == {
            "folder": f"{path} is a folder; remove it, or name another folder with --runs",
            "FIFO": f"{path} is no ordinary file; remove it, or name another folder with --runs",
            "link": f"cannot write to {path.parent} (Too many levels of symbolic links); name another with --runs",
        }[kind]
    )
    assert not (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "copying-T10").touch()
    folder = tmp_path / "copying-T10" / "urnn-n4-seed0"
    told = complaint(TINY, tmp_path, capsys)
    assert told == f"cannot write to {folder} (Not a directory); name another with --runs"


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, limited_files):
    run(tmp_path)
    path = tmp_path / checkpoint.NAME
    before = path.read_bytes()
    with limited_files(len(before) // 2), pytest.raises(TrainingError) as caught:
        checkpoint.save(tmp_path, {}, checkpoint.read(path)["state"])
    assert str(caught.value) == f"cannot write {path} (File too large); the checkpoint before it is kept"
    assert path.read_bytes() == before
    assert not path.with_name("checkpoint.pt.tmp").exists(), "half a file takes room that is not there"
