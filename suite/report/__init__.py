"""Reports: what a sweep found, as a page, as Markdown, as figures and as tables."""

from suite.report.pages import write_report

__all__ = ["write_report"]
