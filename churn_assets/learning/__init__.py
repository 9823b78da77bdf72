"""How a model is made and judged: families, training, calibration, threshold, evaluation, gates; and the one scorer.

Pure functions on arrays and frames, and the format of a model's folder. May import `domain`. No Dagster, no registry.
"""
