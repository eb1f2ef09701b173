"""Whether one commit is slower than another: samples of both -> a verdict a cell -> an exit code.

Files come from `python -m bench gate`, or are any two results of the harnesses. Nothing here measures.
"""
