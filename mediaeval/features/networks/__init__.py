"""Networks that no library has, one a file."""
