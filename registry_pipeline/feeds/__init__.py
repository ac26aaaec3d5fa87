"""Feeds: one YAML per clinic that says which files come, in which form, and what their columns mean.

What does not belong here: rules (contracts) and what becomes of a record (ingest).
"""
