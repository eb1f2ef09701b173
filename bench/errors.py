"""The two errors whose message is a sentence for the user: a command prints it and ends with exit code 2."""


class SweepError(Exception):
    """Measuring could not be started or went on in no useful way."""


class ResultsError(Exception):
    """A results file or folder that cannot be used."""
