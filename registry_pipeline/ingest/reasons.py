"""The rules that no contract writes: damage to a record, identifiers, duplicates, and a wrong clinic."""

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Dimension

_RECORD: dict[str, tuple[Dimension, str]] = {
    "record.ragged": ("conformance", "The line does not have as many fields as the header. Check its delimiters."),
    "record.quote": ("conformance", "The line has a quotation mark out of place or left open. Remove it or double it."),
    "record.encoding": ("conformance", "The line has bytes that are not in the encoding the feed names."),
    "record.json": ("conformance", "The line is not one JSON object."),
    "record.unmapped": ("conformance", "The feed does not say which table this line belongs to. Extend its `where`."),
    "record.clinic_id": ("conformance", "The line carries the id of another clinic."),
}
_DUPLICATE = "The delivery has this very record on an earlier line; it is counted once."
_CONFLICT = "The delivery has two different records with this key, so neither can be trusted. Send the right one."

DUPLICATE, CONFLICT = "key_duplicate", "key_conflict"


class Reasons:
    """Gives the dimension and the sentence of any finding."""

    def __init__(self, contracts: Contracts) -> None:
        self._rules = contracts.rules

    def dimension(self, rule_id: str) -> Dimension:
        """Return Kahn's dimension of a rule."""
        if rule_id in self._rules:
            return self._rules[rule_id].dimension
        return _RECORD[rule_id][0] if rule_id in _RECORD else "plausibility" if "key_" in rule_id else "conformance"

    def sentence(self, rule_id: str) -> str:
        """Return what a clinic's data manager reads."""
        if rule_id in self._rules:
            return self._rules[rule_id].sentence
        if rule_id in _RECORD:
            return _RECORD[rule_id][1]
        if rule_id.startswith("deid."):
            kind = rule_id.removeprefix("deid.").replace("_", " ")
            return f"The cell looks like a direct identifier ({kind}). Remove it; the registry takes none."
        return _DUPLICATE if rule_id.endswith(DUPLICATE) else _CONFLICT
