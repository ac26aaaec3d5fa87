"""From files to the text of a drafted feed."""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from registry_pipeline.contracts.load import load_contracts
from registry_pipeline.contracts.model import OneOf
from registry_pipeline.contracts.vocabulary import read_vocabulary
from registry_pipeline.deid.columns import load_column_words, words_of
from registry_pipeline.errors import FeedError
from registry_pipeline.feeds.infer.draft import Drafter, FileDraft
from registry_pipeline.feeds.infer.match import Matcher
from registry_pipeline.feeds.infer.names import load_names, shared_prefixes
from registry_pipeline.feeds.infer.sample import look_at
from registry_pipeline.feeds.infer.values import load_values
from registry_pipeline.feeds.infer.write import feed_yaml
from registry_pipeline.feeds.model import CLINIC_ID
from registry_pipeline.settings import Settings


def draft_feed(settings: Settings, files: Sequence[Path], clinic_id: str | None, clinic_type: str | None) -> str:
    """Return the YAML of a feed for a clinic's files, one entry per file.

    Raises:
        FeedError: If a file cannot be read or is like nothing of the contract, or the clinic's id or type is none.
    """
    contracts = load_contracts(settings)
    rule = contracts.rules.get("clinic.clinic_type_allowed")
    types = rule.check.values if rule is not None and isinstance(rule.check, OneOf) else ()
    if clinic_type is not None and clinic_type not in types:
        raise FeedError("The clinic type is not one of the contract's.", remedy=f"Use {', '.join(types)}.")
    if clinic_id is not None and not re.fullmatch(CLINIC_ID, clinic_id):
        raise FeedError("The clinic's id is C and at least three digits.", remedy="Write it such as C009.")
    names, values = load_names(settings), load_values(settings)
    rows = read_vocabulary(settings.vocabulary_path("instruments.csv"))
    instruments = {"".join(words_of(row["instrument"])): row["instrument"] for row in rows}
    instruments |= {
        "".join(words_of(row["word"])): row["value"] for row in values.rows if row["column"] == "instrument"
    }
    n_items = {row["instrument"]: int(row["n_items"]) for row in rows if row["n_items"]}
    words = load_column_words(settings.vocabulary_path("deid_columns.csv"))
    drafts: list[FileDraft] = []
    for file in files:
        with TemporaryDirectory() as scratch:
            look = look_at(file, Path(scratch))
        prefixes = shared_prefixes(name for sample in look.samples for name in sample.frame.columns)
        matcher = Matcher(contracts, names, values, prefixes)
        drafts.append(Drafter(look, matcher, instruments, n_items, words).draft())
    return feed_yaml(drafts, clinic_id, clinic_type, types)
