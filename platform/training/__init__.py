"""Training: windows, fit, metrics, the quality gate."""
