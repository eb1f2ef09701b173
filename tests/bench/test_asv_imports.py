"""asv imports every module below `bench` to find benchmarks, and gives up at the first that it cannot import."""

import subprocess
import sys

IMPORTS = """
import importlib, pkgutil, sys
for name in ("dask", "distributed", "dask_jobqueue"):
    sys.modules[name] = None  # they have an environment of their own
import bench
for module in pkgutil.walk_packages(bench.__path__, "bench."):
    importlib.import_module(module.name)
print("all")
"""


def test_every_module_is_imported_without_the_engines_packages():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert done.stdout == "all\n", done.stderr[-2000:]
