"""Processes, temporary folders and locks that end with their owner, however it ends."""
