"""Registry: semantic versions and the champion."""
