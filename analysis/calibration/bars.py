"""What the gate has to reach, stated once for sentences, table and figure."""

FALSE_ALARMS = 0.01  # of whole A/A runs, at most
BARS = {0.05: 0.95, 0.03: 0.70}  # slowdown of one model -> share of gates that call it, at least
