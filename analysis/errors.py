"""The one kind of error that the command line turns into a sentence and exit code 2.

Why: bad input is the user's to mend and needs a sentence; a fault of this package needs its traceback.
Known weakness: none known.
"""


class AnalysisError(Exception):
    """Input or output that cannot be used; the message is one sentence that says what was expected."""
