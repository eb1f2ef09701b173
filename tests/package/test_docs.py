"""The documentation: its links lead somewhere, its examples run, its commands are ones that there are."""

import argparse
import doctest
import importlib
import os
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from analysis import vocabulary
from analysis.regressions.judge import MARGINS, RULES
from bench.environment import OVERRIDES
from tests.package.conftest import ROOT, tracked_files

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
TOKENS = {path: MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")) for path in PAGES}
# The programs of this project, by how they are called.
MAINS = {
    "python -m bench": "bench.commands",
    "python -m analysis": "analysis.commands",
    "python -m urnn.coverage": "urnn.coverage.__main__",
    "python -m urnn.training": "urnn.training.__main__",
    "urnn-bench": "bench.commands",
    "urnn-report": "analysis.commands",
    "urnn-train": "urnn.training.__main__",
}
OTHERS = {
    "pip",
    "git",
    "pytest",
    "sbatch",
    "pre-commit",
}  # programs of others, which say themselves what they take


class Parsed(BaseException):
    """The command line was understood; nothing else is to happen."""


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = [
        after for at, after in zip(TOKENS[page], TOKENS[page][1:], strict=False) if at.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", heading.content.lower()).replace(" ", "-") for heading in headings}


def blocks(page: Path, *languages: str) -> list[str]:
    return [token.content for token in TOKENS[page] if token.type == "fence" and token.info.strip() in languages]


def command_lines() -> list[tuple[str, str]]:
    found = [
        (page, line) for page in PAGES for block in blocks(page, "bash", "bash run") for line in block.splitlines()
    ]
    return [(page.name, line) for page, line in found if shlex.split(line, comments=True)]


def program_of(words: list[str]) -> tuple[str, list[str]]:
    """The program's name and its arguments: "python -m bench", ["list"]."""
    taken = 3 if words[:2] == ["python", "-m"] else 1
    return " ".join(words[:taken]), words[taken:]


@every_page
def test_links_lead_somewhere(page: Path):
    tracked = {path.as_posix() for path in tracked_files()}
    tokens = list(inline(TOKENS[page]))
    targets = [token.attrs["href"] for token in tokens if token.type == "link_open"]
    targets += [token.attrs["src"] for token in tokens if token.type == "image"]
    for target in targets:
        if re.match("[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name).resolve() if name else page
        inside = aim.relative_to(ROOT).as_posix()
        assert inside in tracked or any(path.startswith(f"{inside}/") for path in tracked), target
        assert not anchor or anchor in anchors(aim), target


def test_every_page_of_docs_is_linked_from_the_readme_or_a_page_that_is():
    linked = {
        (page.parent / token.attrs["href"].partition("#")[0]).resolve()
        for page in PAGES
        for token in inline(TOKENS[page])
        if token.type == "link_open"
    }
    assert set((ROOT / "docs").glob("*.md")) <= linked


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda path: path.stem)
def test_python_examples_run(page: Path, monkeypatch: pytest.MonkeyPatch):
    """In the order of the page, each with what those before it have defined."""
    monkeypatch.chdir(ROOT)
    known: dict[str, object] = {}
    for block in blocks(page, "python"):
        if ">>> " not in block:
            exec(compile(block, str(page), "exec"), known)
            continue
        test = doctest.DocTestParser().get_doctest(block, known, page.name, str(page), 0)
        said: list[str] = []
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(
            test, out=said.append, clear_globs=False
        )
        assert not failed, "".join(said)
        known = test.globs


@pytest.mark.parametrize(("page", "line"), command_lines(), ids=lambda text: text[:60])
def test_commands_are_understood_by_their_program(page: str, line: str, monkeypatch: pytest.MonkeyPatch):
    program, arguments = program_of(shlex.split(line, comments=True))
    if program == "make":
        return require_make_targets(arguments)
    if program.startswith(".ci/"):
        assert os.access(ROOT / program, os.X_OK), f"{page}: there is no script {program}"
        return None
    if program not in MAINS:
        assert program in OTHERS, f"{page}: what is {program}?"
        return None
    understand, within = argparse.ArgumentParser.parse_known_args, []

    def parse(*given: Any, **named: Any) -> tuple[argparse.Namespace, list[str]]:
        within.append(given)
        options, unknown = understand(*given, **named)
        within.pop()
        if not within and not unknown:  # a parser of all commands asks that of one
            raise Parsed
        return options, unknown

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    with pytest.raises(Parsed):
        importlib.import_module(MAINS[program]).main(arguments)
    return None


def require_make_targets(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in arguments:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert f"$({name})" in makefile or f"$(if $({name})" in makefile, word
        else:
            target = re.escape(name).replace(r"\.venv", r"(\.venv|\$\(VENV\))")
            assert name == ".venv/ready" or re.search(rf"^{target}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize(
    "line", [line for page in PAGES for line in "".join(blocks(page, "bash run")).splitlines()]
)
def test_quick_commands_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program, arguments = program_of(shlex.split(line, comments=True))
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(MAINS[program]).main(arguments) == 0


def test_the_environment_variables_that_are_read_are_those_documented():
    sources = "\n".join(
        (ROOT / path).read_text() for path in tracked_files() if path.parts[0] in ("urnn", "bench")
    )
    read = set(re.findall(r'environ(?:\.get\(|\[)"(URNN_\w+|CXX|XDG_\w+)"', sources)) | set(OVERRIDES)
    table = (ROOT / "docs" / "environment.md").read_text().partition("Measuring processes")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == read


def test_the_format_numbers_are_those_documented():
    documented = re.findall(r"`(\w+_FORMAT)` = (\d+)", (ROOT / "docs" / "files.md").read_text())
    assert dict(documented) == {
        name: str(value) for name, value in vars(vocabulary).items() if name.endswith("_FORMAT")
    }


def test_the_map_names_files_that_there_are():
    rows = re.findall(r"^\| (`.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        first, *others = re.findall("`(.*?)`", row)
        folder = Path(first).parent
        for name in (first, *(other if "/" in other.rstrip("/") else folder / other for other in others)):
            assert list(ROOT.glob(str(name))), name


def test_the_thresholds_of_the_gate_are_those_documented():
    rows = re.findall(r"^\| (`\w+`.*?) \| ([\d.]+) % \|", (ROOT / "docs" / "gate.md").read_text(), re.MULTILINE)
    documented = {name: float(value) / 100 for names, value in rows for name in re.findall(r"`(\w+)`", names)}
    assert documented == pytest.approx(asdict(RULES) | MARGINS)


def test_these_tests_catch_a_dead_link_an_unknown_option_and_a_wrong_example(monkeypatch: pytest.MonkeyPatch):
    broken = ROOT / "docs" / "broken.md"
    text = textwrap.dedent("""\
        [one](no_such_page.md) and [another](layer.md#no-such-heading)
        ```python
        >>> 1 + 1
        3
        ```
        """)
    monkeypatch.setitem(TOKENS, broken, MarkdownIt("commonmark").parse(text))
    with pytest.raises(AssertionError, match=r"no_such_page\.md"):
        test_links_lead_somewhere(broken)
    with pytest.raises(AssertionError, match="Expected"):
        test_python_examples_run(broken, monkeypatch)
    with pytest.raises(pytest.fail.Exception):
        test_commands_are_understood_by_their_program("broken.md", "python -m bench run --no-such", monkeypatch)
    with pytest.raises(AssertionError, match="polish"):
        require_make_targets(["polish"])
