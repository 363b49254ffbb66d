"""Secrets that a folder must not give away: found before they leave the machine."""

from ketch.package.secrets.scan import scan

__all__ = ["scan"]
