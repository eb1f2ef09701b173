"""asv measures with the versions and the environment that everything else is measured with."""

import json
import re
import tomllib

import pytest

from bench.environment import KEPT_HEAP, measured_environment
from bench.paths import ROOT

CONF = json.loads((ROOT / "asv.conf.json").read_text())
PINNED = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def name_of(requirement: str) -> str:
    return re.match(r"[\w-]+", requirement)[0]


@pytest.mark.parametrize(("name", "versions"), CONF["matrix"]["req"].items())
def test_asvs_requirement_is_the_pinned_version(name, versions):
    assert versions == [PINNED[name]]


WANTED = {name_of(line): line for group in [PROJECT["dependencies"], *EXTRAS.values()] for line in group}
WANTED.pop(PROJECT["name"])  # an extra that includes another


@pytest.mark.parametrize("requirement", WANTED.values(), ids=name_of)
def test_every_requirement_is_pinned(requirement):
    assert name_of(requirement) in PINNED


def test_asv_measures_in_the_stated_environment():
    stated = {name: [value] for name, value in measured_environment("kept", 1, {}).items()}
    given = CONF["matrix"]["env_nobuild"]
    assert given.items() <= stated.items()
    assert given.keys() >= {"OMP_NUM_THREADS", *KEPT_HEAP}


def test_asv_finds_the_benchmarks_and_keeps_its_files_together():
    assert (ROOT / CONF["benchmark_dir"] / "__init__.py").is_file()
    assert {CONF[key].split("/")[0] for key in ("env_dir", "results_dir", "html_dir")} == {".asv"}
