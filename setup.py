"""Everything that pyproject.toml can say stands there. This adds the suite to an editable install.

A wheel holds `urnn` alone: `bench` and `analysis` are no names to put into somebody's site-packages, and they work
on a checkout (its commits, its results, its reports). Whoever installs the checkout itself with `pip install
--editable` has them beside it and gets their commands as well.
"""

from setuptools import find_packages, setup
from setuptools.command.editable_wheel import editable_wheel

SUITE = ("urnn-bench = bench.commands:main", "urnn-report = analysis.commands:main")


class EditableWithSuite(editable_wheel):
    def finalize_options(self) -> None:
        here = self.distribution
        here.packages = find_packages(include=["urnn*", "bench*", "analysis*"])
        scripts = here.entry_points.setdefault("console_scripts", [])
        scripts.extend(line for line in SUITE if line not in scripts)
        self.dist_info_dir = None  # written again below: pip asked for it before the commands were added
        super().finalize_options()


setup(cmdclass={"editable_wheel": EditableWithSuite})
