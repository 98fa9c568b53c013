"""Mirrors to three stores at once, beside rclone and the clouds' own programs.

Nothing is imported here: the process whose memory is measured comes by here as well.
"""
