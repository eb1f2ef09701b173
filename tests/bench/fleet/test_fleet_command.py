"""`python -m bench fleet` before any process starts: its options, its parts, and what a machine must be."""

import json
import re
from pathlib import Path

import pytest

from bench.commands import main
from bench.fleet import packing, spread
from bench.fleet.blocks import Block
from bench.fleet.engine.requirements import lacks
from bench.fleet.session import controls_for
from bench.paths import ROOT
from tests.bench.fleet.conftest import BLOCKS, SLICE
from tests.bench.test_pinned_versions import EXTRAS, name_of

MACHINE = {
    "gpu": "NVIDIA H100 80GB HBM3",
    "processor": "AMD EPYC",
    "cores": 16,
    "memory_gib": 128,
    "node": "a",
    "kind": "b",
}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--on=local"], "expected a whole number, got ''"),
        (
            ["--on=moon:3"],
            "expected machines such as local:3, ssh:alice@node1,node2 or slurm:PARTITION, got 'moon:3'",
        ),
        (["--on=ssh:-oProxyCommand=x"], "expected machines such as .*, got 'ssh:-oProxyCommand=x'"),
        (["--on=ssh:a,a"], "expected machines such as .*, got 'ssh:a,a'"),
        (["--on=local:2", "--require=gpu"], "expected requirements such as gpu=H100,cores=8, of .*, got 'gpu'"),
        (["--on=local:2", "--require=cores=many"], "expected requirements such as .*, got 'cores=many'"),
        (
            ["--on=ssh:a"],
            "--on ssh needs --host, an address of this machine that the others reach: they call it back",
        ),
        (["--on=slurm:all"], "--on slurm needs --host, an address of this machine that the others reach: .*"),
    ],
)
def test_wrong_options_are_a_sentence(options, said, capsys):
    try:
        code = main(["fleet", *options])
    except SystemExit as end:  # argparse's
        code = end.code
    assert code == 2
    assert re.search(said, capsys.readouterr().err)


def test_without_dask_the_command_says_how_to_get_it(player, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(spread, "ENGINE", tmp_path / "none")
    monkeypatch.setattr(spread.importlib.util, "find_spec", lambda name: None)
    assert main(["fleet", "--on=local:1", *SLICE, f"--results={tmp_path}"]) == 2
    said = "error: the engine is Dask, in an environment of its own that is missing here; "
    assert capsys.readouterr().err == f"{said}`make .fleet/ready` makes it\n"


@pytest.mark.parametrize(
    ("require", "why"),
    [
        ({}, ""),
        ({"gpu": "h100", "cores": "16"}, ""),
        ({"gpu": "A100"}, "gpu is NVIDIA H100 80GB HBM3"),
        ({"cores": "17"}, "cores is 16"),
    ],
)
def test_a_machine_meets_what_is_required_or_says_in_what_it_does_not(require, why):
    assert lacks(MACHINE, require) == why
    assert lacks(MACHINE | {"gpu": None}, {"gpu": "H100"}) == "gpu is none"


def test_small_blocks_share_a_command_and_no_block_is_left_out():
    cells = controls_for("cpu")
    blocks = [Block(f"b{number}", cells, (), float(number)) for number in range(1, 31)]
    largest = packing.largest_first(blocks)
    parts = spread.parts_of(largest, machines=2)
    assert sorted(name for part in parts for name in part) == sorted(block.name for block in blocks)
    assert 2 * spread.PARTS >= len(parts) > 2
    seconds = {block.name: block.seconds for block in blocks}
    sums = [sum(map(seconds.__getitem__, part)) for part in parts]
    assert sums == sorted(sums, reverse=True)


def test_a_list_for_an_engine_has_the_plan_and_the_machine(player, capsys):
    assert main(["list", *SLICE, "--shard=1/1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(found["plan"]["blocks"]) == BLOCKS
    assert found["machine"].keys() >= {"kind", "instance", "node", "processor", "cores", "memory_gib", "gpu"}
    assert main(["list", *SLICE, "--json"]) == 2
    assert capsys.readouterr().err == "error: --json shows a sweep in shards: add --shard K/N\n"


def test_the_engines_environment_has_what_the_extra_names_in_the_pinned_versions():
    wanted = Path(ROOT, "fleet.txt").read_text().split()
    assert [name_of(line) for line in wanted] == [name_of(line) for line in EXTRAS["fleet"]]
    assert set(wanted) <= set(Path(ROOT, "constraints.txt").read_text().split())


@pytest.mark.parametrize(
    "place", ["blocks/../x/a.json", "/etc/a.json", "sessions/a/b.json", "blocks/a/B.json", "a.json"]
)
def test_what_a_machine_brings_has_one_of_a_few_places(place):
    assert not spread.PLACE.fullmatch(place) or ".." in place
    assert spread.PLACE.fullmatch(f"blocks/{BLOCKS[0]}/0123456789ab.json")
