"""One FHIR resource as a row: every value in it becomes the cell of a column with a name that says where it stood.

| in the resource | column |
|---|---|
| `subject: {reference: "Patient/p1"}` | `subject.reference`, cell `p1` |
| `name: [{family: …}]` | `name.0.family`: lists count from 0 |
| `code: {coding: [{system: <one the feed names "loinc">, code: "8480-6"}]}` | `code.loinc` |
| `coding` of a system that the feed does not name | `code.coding.0.system`, `code.coding.0.code` |
| `component: [{code: …8480-6…, valueQuantity: {value: 120}}]` | `component.8480-6.valueQuantity.value` |
| `extension: [{url: "http://…/study-day", valueInteger: 7}]` | `extension.study-day` |
| `item: [{linkId: "q1", answer: [{valueInteger: 2}]}]`, at any depth | `item.q1` |

The answer or extension value that is a coding gives its code, a quantity its number; the rest stands beside it
(`item.q1.display`, `item.q1.unit`). What comes again under the same name has `.1`, `.2` … behind it. A resource that
says of itself that it was entered in error has `true` under `entered_in_error`, every other one `false`.
"""

import re
from collections import Counter
from collections.abc import Mapping

from registry_pipeline.feeds.model import ENTERED_IN_ERROR
from registry_pipeline.feeds.readers.objects import Cells, NotFlatError, put
from registry_pipeline.feeds.sources import FhirBulk

Members = Mapping[str, object]
_MAIN_MEMBER = {"valueCoding": "code", "valueQuantity": "value", "valueReference": "reference"}
_ERROR = "entered-in-error"
_ID_IN_REFERENCE = re.compile(r"^(?:urn:uuid:|(?:.*/)?[A-Za-z]+/)([A-Za-z0-9.-]+)(?:/_history/.*)?$")


def flattened(resource: Members, words: FhirBulk) -> Cells:
    """Return a resource as cells, but for its type.

    Args:
        resource: The decoded resource.
        words: What the feed says of systems and codes.

    Raises:
        NotFlatError: If it is not built as FHIR says, or two values come to the same name.
    """
    row = _Row(words)
    row.members("", {key: value for key, value in resource.items() if key != "resourceType"})
    put(row.cells, ENTERED_IN_ERROR, _is_entered_in_error(resource))
    return row.cells


def _is_entered_in_error(resource: Members) -> bool:
    """Tell whether a resource says of itself that it should never have been written."""
    verification = resource.get("verificationStatus")
    codings = verification.get("coding") if isinstance(verification, dict) else None
    codes = [coding.get("code") for coding in codings if isinstance(coding, dict)] if isinstance(codings, list) else []
    return _ERROR in [resource.get("status"), *codes]


class _Row:
    """Collects the cells of one resource."""

    def __init__(self, words: FhirBulk) -> None:
        self.names_of_systems = {address: name for name, address in words.systems.items()}
        self.answers = {code: str(count) for code, count in words.answers.items()}
        self.cells: Cells = {}
        self.address_of_extension: dict[str, object] = {}

    def members(self, parent: str, members: Members) -> None:
        for key, value in members.items():
            self.member(parent, key, value)

    def member(self, parent: str, key: str, value: object) -> None:
        name = _joined(parent, key)
        if isinstance(value, list):
            self._list(parent, key, value)
        elif isinstance(value, dict):
            self.members(name, value)
        elif value is not None:
            put(self.cells, name, _id_in(value) if key == "reference" else value)

    def _list(self, parent: str, key: str, values: list[object]) -> None:
        if key == "coding":
            self._codings(parent, values)
        elif key == "component":
            self._components(parent, values)
        elif key in {"extension", "modifierExtension"}:
            self._extensions(_joined(parent, key), values)
        elif key == "item":
            self._items(values, "")
        else:
            for number, value in enumerate(values):
                self.member(_joined(parent, key), str(number), value)

    def _codings(self, parent: str, values: list[object]) -> None:
        times: Counter[str] = Counter()
        for number, value in enumerate(values):
            coding = _object(value)
            alias = self.names_of_systems.get(str(coding.get("system")))
            if alias is None:
                self.members(_joined(parent, f"coding.{number}"), coding)
            else:
                name = _joined(parent, alias) + _again(times, alias)
                self.valued(name, {"valueCoding": {key: coding[key] for key in coding if key != "system"}})

    def _components(self, parent: str, values: list[object]) -> None:
        times: Counter[str] = Counter()
        for value in values:
            component = _object(value)
            code = self._code_of(_object(component.get("code")))
            self.members(_joined(parent, f"component.{code}") + _again(times, code), component)

    def _code_of(self, concept: Members) -> str:
        """Return the code of a concept: of a system that the feed names if there is one, else the first."""
        codings = concept.get("coding")
        known = [_object(coding) for coding in codings] if isinstance(codings, list) else []
        ranked = sorted(known, key=lambda coding: coding.get("system") not in self.names_of_systems)
        if not ranked or not isinstance(ranked[0].get("code"), str):
            raise NotFlatError
        return str(ranked[0]["code"])

    def _extensions(self, parent: str, values: list[object]) -> None:
        times: Counter[str] = Counter()
        for value in values:
            extension = _object(value)
            address = extension.get("url")
            short = re.split(r"[/#:]", str(address))[-1]
            name = _joined(parent, short)
            if self.address_of_extension.setdefault(name, address) != address:
                raise NotFlatError
            rest = {key: extension[key] for key in extension if key != "url"}
            self.valued(name + _again(times, short), rest)

    def _items(self, values: object, repeat: str) -> None:
        """Add items of a questionnaire, and those inside them; `repeat` tells which repetition of a group it is."""
        times: Counter[str] = Counter()
        for value in values if isinstance(values, list) else [values]:
            item = _object(value)
            link = str(item.get("linkId"))
            own = repeat + _again(times, link)
            name = f"item.{link}{own}"
            self.members(name, {key: item[key] for key in item if key not in {"linkId", "item", "answer"}})
            self._items(item.get("item", []), own)
            answers = item.get("answer", [])
            for number, value_of_answer in enumerate(answers if isinstance(answers, list) else [answers]):
                answer = _object(value_of_answer)
                again = f".{number}" if number else ""
                self.valued(name + again, self._counted({key: answer[key] for key in answer if key != "item"}))
                self._items(answer.get("item", []), own + again)

    def _counted(self, answer: Members) -> Members:
        """Return an answer with what its code counts in place of the code, where the feed says so."""
        coding = answer.get("valueCoding")
        if not isinstance(coding, dict) or str(coding.get("code")) not in self.answers:
            return answer
        return {**answer, "valueCoding": {**coding, "code": self.answers[str(coding["code"])]}}

    def valued(self, name: str, element: Members) -> None:
        """Add an element whose `value[x]` is to stand under the element's own name."""
        for key, value in element.items():
            main = _MAIN_MEMBER.get(key)
            if isinstance(value, dict) and main is not None and value.get(main) is not None:
                put(self.cells, name, _id_in(value[main]) if main == "reference" else value[main])
                self.members(name, {inner: value[inner] for inner in value if inner != main})
            elif re.match("value[A-Z]", key) and isinstance(value, dict):
                self.members(name, value)
            elif re.match("value[A-Z]", key) and value is not None:
                put(self.cells, name, value)
            else:
                self.member(name, key, value)


def _joined(parent: str, key: str) -> str:
    return f"{parent}.{key}" if parent else key


def _again(times: Counter[str], name: str) -> str:
    """Return what tells things of one name apart: nothing for the first, then `.1`, `.2` and so on."""
    times[name] += 1
    return f".{times[name] - 1}" if times[name] > 1 else ""


def _object(value: object) -> Members:
    if not isinstance(value, dict):
        raise NotFlatError
    return value


def _id_in(reference: object) -> object:
    """Return the id in a reference such as `Patient/p1`; other references stay as they are."""
    found = _ID_IN_REFERENCE.match(reference) if isinstance(reference, str) else None
    return found.group(1) if found else reference
