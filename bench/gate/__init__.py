"""Base against head: two commits measured in turn, pass by pass, until the verdict is clear.

This package measures and writes files; `analysis.regressions` says what they mean, and after each pass what to
measure next.
"""
