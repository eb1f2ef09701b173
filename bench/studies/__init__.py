"""The related systems, each studied once: what its paper claims, measured here.

A file here that is no part of the engine is a study: it has `STUDY`, a list of named jobs. To add one is to add a
file, and a chapter of the same name in `analysis/related`.
"""

import importlib
import pkgutil
from functools import cache

from bench.studies.engine.jobs import Study

ENGINE = "engine"


@cache
def every_study() -> tuple[Study, ...]:
    """All of them, in the order in which their papers appeared."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name != ENGINE]
    found = [importlib.import_module(f"{__name__}.{name}").STUDY for name in names]
    return tuple(sorted(found, key=lambda study: study.arxiv))
