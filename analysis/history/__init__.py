"""The project's history: every timed commit's figures, the commits at which they changed, and a page of both."""

from analysis.history.commits import read
from analysis.history.report import DEFAULT_TITLE, write_report

__all__ = ["DEFAULT_TITLE", "read", "write_report"]
