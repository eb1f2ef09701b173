"""The project's history: every timed commit's figures, the commits at which they changed, and a page of both.

It imports nothing here: `bench` reads a history where nothing can be drawn.
"""
