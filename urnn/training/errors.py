"""What stops a run before or while it trains; each message is one line for the user."""


class TrainingError(Exception):
    """A run that cannot start or go on as asked: a damaged checkpoint, one of other settings, a busy folder."""


class DivergedError(Exception):
    """The loss, or a parameter, is no longer finite."""
