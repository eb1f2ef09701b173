"""The paper's experiments: training logs -> tidy frames -> statistics across seeds -> figures -> a report."""

from analysis.experiments.logs import Logs, read
from analysis.experiments.report import DEFAULT_TITLE, write_report

__all__ = ["DEFAULT_TITLE", "Logs", "read", "write_report"]
