"""What helps an analyst to read the public database: definitions, caveats and views with plain names.

What belongs here: which of them a release has. What does not: how each is made (`definitions.py`, `views.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from registry_pipeline.release.definitions import CAVEATS, DEFINITIONS, insert_caveats, insert_definitions
from registry_pipeline.release.dictionary import TableDoc
from registry_pipeline.release.mart_contracts import MartContract
from registry_pipeline.release.views import load_views, write_views

if TYPE_CHECKING:
    import duckdb


def insert_guide(connection: "duckdb.DuckDBPyConnection", marts: Mapping[str, MartContract]) -> list[TableDoc]:
    """Add `meta.definitions`, `meta.caveats` and the views to the public database; return what each of them means.

    Args:
        connection: Open on the new public database, with the marts and the schema `meta` in it.
        marts: The contracts of the marts in the database.

    Raises:
        ContractError: If what is said of a mart and its contract do not fit.
    """
    insert_definitions(connection, marts)
    insert_caveats(connection, marts)
    return [DEFINITIONS, CAVEATS, *write_views(connection, load_views(), marts)]
