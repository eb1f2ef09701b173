"""A commit made ready to be measured: its checkout, its packages, the cells that it has."""
