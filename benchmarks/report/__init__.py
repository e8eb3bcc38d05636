"""The report: sections in, a page, a Markdown file and a file of results out."""

from benchmarks.report._section import Section, section
from benchmarks.report._write import write

__all__ = ["Section", "section", "write"]
