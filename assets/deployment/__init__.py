"""Assets of the deployment column: mirror, endpoint, route."""
