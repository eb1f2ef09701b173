"""The errors whose message is a sentence for the user; a command ends with 2 after it, or 75 for the last."""


class SweepError(Exception):
    """Measuring could not be started or went on in no useful way."""


class ResultsError(Exception):
    """A results file or folder that cannot be used."""


class UnfinishedError(SweepError):
    """A shard was interrupted; the same command goes on with what is not complete, on this machine or another."""
