"""The rules that no contract writes: damage to a record, identifiers, duplicates, and a wrong clinic."""

from registry_pipeline.contracts.load import Contracts
from registry_pipeline.contracts.model import Dimension

_RECORD: dict[str, tuple[Dimension, str]] = {
    "record.ragged": ("conformance", "The line does not have as many fields as the header. Check its delimiters."),
    "record.quote": ("conformance", "The line has a quotation mark out of place or left open. Remove it or double it."),
    "record.encoding": ("conformance", "The line has bytes that are not in the encoding the feed names."),
    "record.json": ("conformance", "The record is not one JSON object of plain values."),
    "record.empty": ("completeness", "The line holds a record id, but no form of it is filled. Delete it in REDCap."),
    "record.redcap": ("conformance", "The line is of one repeating form and fills another, or its form is unknown."),
    "record.unmapped": ("conformance", "The feed does not say which table this line belongs to. Extend its `where`."),
    "record.retraction": ("conformance", "The line says neither yes nor no to whether it was entered in error."),
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
            return _identifier(rule_id.removeprefix("deid."))
        return _DUPLICATE if rule_id.endswith(DUPLICATE) else _CONFLICT


def _identifier(kind: str) -> str:
    if kind.startswith("age_"):
        return "An age above 89 points to a person. Send 90, which stands for 90 or more; in free text, leave it out."
    if kind.startswith("date_"):
        return "The cell looks like a calendar date. Send the study day instead; in free text, leave it out."
    kind = kind.replace("_", " ")
    return f"The cell looks like a direct identifier ({kind}). Remove it; the registry takes none."
