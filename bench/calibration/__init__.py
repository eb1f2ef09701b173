"""The gate, measured: what it says of changes that are known, recorded here and replayed by the analysis."""
