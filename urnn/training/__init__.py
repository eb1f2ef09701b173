"""Training any model of the registry on any of the paper's tasks: `python -m urnn.training`.

A run is a folder with a log and a checkpoint. It may be killed at any moment; the same command goes on, and ends
with the same bits as if nothing had happened. `settings.MAY_CHANGE` says what another command may change when it
goes on, `ending` what the exit codes mean. Known weakness: that holds for one machine, one number of threads and
the CPU; on a GPU, torch does not promise the same bits twice.
"""
