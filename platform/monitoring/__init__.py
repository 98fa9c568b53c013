"""Monitoring: prediction logs, drift, data quality, staleness, status."""
