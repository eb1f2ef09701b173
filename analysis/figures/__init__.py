"""The report's drawings: `draw(cells)` makes a Figure of summary rows, `draw(cells, 1)` one for a narrow screen."""
