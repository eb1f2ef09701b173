"""The report of measurements: what was measured in each setting, and how."""
