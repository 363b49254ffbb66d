"""A report as one file of HTML that a browser shows without asking anybody for anything.

Promises that whatever comes from packages, routes and people is text in it; that no number
is told by colour or by a picture alone; and that it reads in light and in darkness.
"""

from ketch.monitor.report.page.document import document
from ketch.monitor.report.page.page import page

__all__ = ["document", "page"]
