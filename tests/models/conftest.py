"""Model tests build models with the `warehouse` fixture."""

from tests.warehouse_harness import project, sources, warehouse

__all__ = ["project", "sources", "warehouse"]
