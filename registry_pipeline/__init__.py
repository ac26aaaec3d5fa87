"""A nightly pipeline for a ketamine-therapy outcomes registry."""
