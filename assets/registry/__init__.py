"""Assets of the registry column: version."""
