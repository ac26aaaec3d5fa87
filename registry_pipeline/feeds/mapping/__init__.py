"""A feed's mapping as polars expressions: from a clinic's columns, all text, to the contract's columns, all text.

What does not belong here: reading files (readers), judging what comes out (ingest), and what a feed may say (model).
"""

from registry_pipeline.feeds.mapping.compiled import LINE, CompiledMapping, compile_mappings

__all__ = ["LINE", "CompiledMapping", "compile_mappings"]
