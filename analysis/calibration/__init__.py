"""What the gate is worth: its own decisions replayed on a recording of real passes, as rates with intervals."""
