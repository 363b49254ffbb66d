"""What is served: which package answers which unit on which route, and how that changes."""
