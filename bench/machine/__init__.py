"""The machine that measures: one run at a time, and what disturbs it."""
