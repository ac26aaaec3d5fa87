"""Drafting a feed from a clinic's files: what their columns seem to mean, for a person to check.

Everything unsure is marked, and what could not be matched is left unmapped, so that the check refuses until a person
decides. What does not belong here: reading files as ingest does (readers), and judging a feed (checks).
"""
