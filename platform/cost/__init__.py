"""Cost: charges, and what is decided by them."""
