"""Files beside the code that say again what the code says: versions, linters."""

import re
import tomllib

import yaml

import urnn
from tests.package.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def linters() -> set[str]:
    """The commands of `make lint`, without their arguments."""
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    return set(re.findall(r"\$\(VENV\)/bin/([\w-]+)", recipe))


def test_pre_commit_runs_the_linters_of_make():
    assert {re.match(r"\.venv/bin/([\w-]+)", hook["entry"])[1] for hook in HOOKS} == linters()


def test_the_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (urnn.__version__, project["license"])
    assert citation["preferred-citation"]["title"] == "Unitary Evolution Recurrent Neural Networks"


def test_the_changelog_has_this_version_below_what_is_not_released():
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[:2] == ["Unreleased", urnn.__version__]


def test_make_installs_what_the_tests_and_the_report_need():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "--editable '.[dev]'" in MAKEFILE
    assert "urnn[suite]" in extras["dev"]
    assert "urnn[spectral,training,zoo]" in extras["suite"]
