"""Dagster objects only, and thin: they say what depends on what and call the stages.

What does not belong here: anything that a run without Dagster needs too. Nothing but `registry_pipeline.definitions`
imports this package.
"""
