"""Whether one commit is slower than another: two sets of results -> a verdict a cell -> an exit code."""
