"""What the scripts about serving share: packages, a gateway, and callers of it."""
