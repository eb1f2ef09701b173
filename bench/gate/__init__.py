"""Base against head: two commits measured in turn, round by round, until the verdict is clear.

This package measures and writes files; `python -m analysis gate` says what they mean. Between rounds it is asked
as a process of its own, because nothing here may import the analysis and nothing there a clock.
"""
