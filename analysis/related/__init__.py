"""The report on related systems: a chapter for each, what its paper claims and what was measured here.

A file or folder here other than the engine is a chapter: it has `CHAPTER`. To add one is to add it, and a study of
the same name in `bench/studies`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from analysis.related.engine.chapter import Chapter

ENGINE = "engine"


@cache
def every_chapter() -> tuple[Chapter, ...]:
    """All of them, in the order in which their papers appeared."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name != ENGINE]
    found = [importlib.import_module(f"{__name__}.{name}").CHAPTER for name in names]
    return tuple(sorted(found, key=lambda chapter: chapter.arxiv))
