"""Data contracts: ODCS YAML read once into rules, and the rules compiled for each engine.

What does not belong here: reading clinic files (ingest), SQL models (dbt_like_sql).
"""
