"""The project's own history: every commit that changed what is timed, measured, and published as asv's site."""
