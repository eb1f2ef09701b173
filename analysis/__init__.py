"""What the measurements mean: result files -> one tidy frame -> statistics -> figures -> a report.

Arrows go one way. This package reads the files that `bench` writes; it imports neither a model nor a clock,
so that a report can be made on a machine that has no torch, from results measured anywhere.
"""
