"""A folder for each model. Dagster takes this file for the definitions of a project without any model."""
