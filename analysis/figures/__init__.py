"""The drawings of the report, each a pure function from summary rows to a matplotlib Figure.

`draw(cells)` is for a wide screen, `draw(cells, 1)` for a narrow one. Their titles and captions are rows of
`analysis.report.figures`.
"""
