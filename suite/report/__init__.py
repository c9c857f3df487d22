"""Reports: the findings of a sweep as a page, as Markdown, as figures and as tables."""

from suite.report.report import write_report

__all__ = ["write_report"]
