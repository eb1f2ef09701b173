"""One way to measure each thing, used by both harnesses."""
