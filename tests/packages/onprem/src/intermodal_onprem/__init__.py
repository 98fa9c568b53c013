"""Intermodal on one's own machine: target ``onprem/process``, object store ``onprem``."""
