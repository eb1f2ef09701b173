"""The paper's experiments: training logs -> tidy frames -> statistics across seeds -> figures -> a report.

Why: how fast a step is says nothing of what a network learns. The logs are written by `urnn.training`, one folder
a run; this package reads them and nothing else of it, so that a report can be made where there is no torch.
"""

from analysis.experiments.logs import Logs, read
from analysis.experiments.report import DEFAULT_TITLE, write_report

__all__ = ["DEFAULT_TITLE", "Logs", "read", "write_report"]
