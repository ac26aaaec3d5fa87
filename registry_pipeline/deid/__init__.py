"""The guard against direct identifiers, as far as patterns can see them. A clean scan is evidence, not proof.

What does not belong here: what becomes of a record in which something was found (ingest).
"""
