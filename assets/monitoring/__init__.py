"""Assets of the monitoring column: predictions, drift, health."""
