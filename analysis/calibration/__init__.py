"""What the gate is worth: its own decisions replayed on a recording of real passes, as rates with intervals."""

from analysis.calibration.recording import Recording, newest, read
from analysis.calibration.report import DEFAULT_TITLE, write_report

__all__ = ["DEFAULT_TITLE", "Recording", "newest", "read", "write_report"]
