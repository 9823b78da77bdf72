"""The learning floor: families, calibration, threshold, judgement, and the one scorer."""
