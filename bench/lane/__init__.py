"""One lane: a measuring process, what it reports, and how several take turns; a sweep has one, a gate two."""
