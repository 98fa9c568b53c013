"""Assets of the cost column: charges."""
