"""Intermodal on one's own machine: target ``lab/process``, object store ``lab``."""
