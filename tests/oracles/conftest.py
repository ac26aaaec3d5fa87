"""Oracles run through the models that production uses, with the `warehouse` fixture."""

from tests.warehouse_harness import project, sources, warehouse

__all__ = ["project", "sources", "warehouse"]
