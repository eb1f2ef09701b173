"""The report's drawings: `draw(cells)` makes a Figure of summary rows for a wide screen, `draw(cells, 1)` a narrow one."""
