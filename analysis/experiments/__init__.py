"""The paper's experiments: training logs -> tidy frames -> statistics across seeds -> figures -> a report."""
