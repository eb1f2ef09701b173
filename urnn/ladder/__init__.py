"""Optimisation ladders: one model in stages, each a switch, so that what a stage is worth can be measured."""
