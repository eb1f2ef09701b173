"""How the models are measured: one grid of cells, timed by asv and by pytest-benchmark.

A cell names what is measured; a workload makes it ready on real task data; both harnesses time that same
workload. Only this package knows both a model and a clock.
"""

import importlib.util
import sys
from pathlib import Path


def _find_analysis() -> None:
    """Lets `analysis`, which lies beside this package, be imported where only this package can be.

    asv imports the benchmarks from their folder alone, in an environment that has nothing else of the checkout.
    """
    if importlib.util.find_spec("analysis") is None:
        start = Path(__file__).parents[1] / "analysis" / "__init__.py"
        spec = importlib.util.spec_from_file_location("analysis", start)
        module = sys.modules["analysis"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


_find_analysis()
