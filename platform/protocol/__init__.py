"""What the serving image shares with the platform: signature, V2, package format, limits.

Standard library only, but for the keys of signatures (``signing``).
"""
