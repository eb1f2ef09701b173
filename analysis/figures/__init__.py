"""The report's drawings: `draw(cells)` makes a figure of summary rows, `draw(cells, 1)` a narrow one."""
