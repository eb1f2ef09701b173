"""The optimisation ladders: a recurrence written in stages, from naive to fastest, to measure what each gains."""
