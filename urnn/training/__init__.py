"""Training any model of the registry on any of the paper's tasks: `python -m urnn.training`.

A run is a folder with a log and a checkpoint. It may be killed at any moment; the same command resumes it and ends
with the same bits as an undisturbed run. `settings.MAY_CHANGE` lists what may differ in the command that resumes
a run, `ending` the exit codes. Known weakness: the same bits are promised on one machine, with one number of
threads, on the CPU; on a GPU torch does not promise them.
"""
