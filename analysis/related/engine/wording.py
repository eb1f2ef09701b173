"""A chapter's prose, with the settings of its study's jobs filled in.

Prose is what a TOML file holds: sentences, lists of sentences that make a paragraph, and tables of them. A field
names a kind of job and a setting of its, "{tests.sown:,} random tests"; a number selects from a list. The kind is
what a job's name has before its first hyphen. Jobs of one kind that differ are all named, "0, 1 and 2".
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from analysis import units
from analysis.errors import AnalysisError
from analysis.vocabulary import joined

Settings = Mapping[str, Any]
ByKind = Mapping[str, Sequence[Settings]]
Words = Mapping[str, Any]  # paragraphs, and tables of them, without fields


def by_kind(done: Sequence[Mapping[str, Any]], planned: Sequence[Mapping[str, Any]]) -> dict[str, list[Settings]]:
    """Settings of one study's jobs: of those with a result, or as planned where a kind has none."""
    found: dict[str, list[Settings]] = {}
    for job in done:
        found.setdefault(_kind(job), []).append(job["settings"])
    with_result = set(found)
    for job in planned:
        if _kind(job) not in with_result:
            found.setdefault(_kind(job), []).append(job["settings"])
    return found


def _kind(job: Mapping[str, Any]) -> str:
    return str(job["job"]).partition("-")[0]


def filled(prose: Mapping[str, Any], settings: ByKind) -> dict[str, Any]:
    """The same with every field filled in; a sentence about jobs that there are none of is left out.

    Raises AnalysisError where jobs lack a setting that a sentence names.
    """
    return {name: _filled(part, settings) for name, part in prose.items()}


def _filled(part: Any, settings: ByKind) -> Any:
    if isinstance(part, Mapping):
        return filled(part, settings)
    sentences = [part] if isinstance(part, str) else part
    return " ".join(said for sentence in sentences if (said := _sentence(sentence, settings)))


def _sentence(sentence: str, settings: ByKind) -> str:
    """Empty where it is about jobs that there are none of."""
    said = ""
    for literal, field, spec, _ in string.Formatter().parse(sentence):
        said += literal
        if field is None:
            continue
        kind, *path = field.split(".")
        if kind not in settings:
            return ""
        try:
            values = [value for one in settings[kind] for value in _values(one, path)]
            said += joined(list(dict.fromkeys(_written(value, spec or "") for value in values)))
        except (LookupError, TypeError, ValueError):
            raise AnalysisError(
                f'The report says "{sentence}", but a job of the kind {kind} has no setting {".".join(path)} '
                "that can be named there; measure it again with `python -m bench related`."
            ) from None
    return said


def _values(settings: Settings, path: Sequence[str]) -> list[Any]:
    found: Any = settings
    for name in path:
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found if isinstance(found, list) else [found]


def _written(value: Any, spec: str) -> str:
    """By Python's format, except that "%" is a share as reports write it."""
    if isinstance(value, Mapping):
        raise TypeError("settings have a name each, and this has none")
    return units.per_cent(value) if spec == "%" else format(value, spec)
