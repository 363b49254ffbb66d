"""The checks of a verification, one a file."""
