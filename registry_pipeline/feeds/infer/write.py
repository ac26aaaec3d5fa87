"""The draft as YAML with comments. Written by hand, as no library of the project writes comments.

Of cells, only members of value maps are written whose right side is a word of a closed list of ours, and REDCap's event
names, which are structure.
"""

import json
import re
from collections.abc import Iterator, Sequence

import yaml

from registry_pipeline.contracts.model import Column
from registry_pipeline.feeds.infer.draft import EVENT, FileDraft, TableDraft
from registry_pipeline.feeds.infer.match import ColumnMatch, TableMatch
from registry_pipeline.feeds.infer.names import SURE
from registry_pipeline.feeds.infer.values import closed_list
from registry_pipeline.feeds.model import CsvDialect

_CHECK = "# check:"
_MOST_LISTED = 12


def feed_yaml(drafts: Sequence[FileDraft], clinic_id: str | None, clinic_type: str | None, types: Sequence[str]) -> str:
    """Return the text of a drafted feed.

    Args:
        drafts: One per file.
        clinic_id: The clinic, if known.
        clinic_type: Its type, if known.
        types: The contract's clinic types.
    """
    lines = [
        "# Drafted from the clinic's files by `registry feed infer`. A person reads it before it is used: go through",
        "# every line marked `check`, then try it with `registry feed check`.",
        f"clinic_id: {clinic_id}"
        if clinic_id
        else f"clinic_id: C999  {_CHECK} the id that the registry gave the clinic",
        "version: 1.0.0",
        f"clinic_type: {clinic_type}"
        if clinic_type
        else f"clinic_type: {types[0]}  {_CHECK} one of {', '.join(types)}",
        "deid_method: safe_harbor",
        "files:",
    ]
    patterns = _patterns(drafts)
    for draft, pattern in zip(drafts, patterns, strict=True):
        lines += _file(draft, pattern)
    return "\n".join(lines) + "\n"


def _patterns(drafts: Sequence[FileDraft]) -> list[str]:
    """Return a pattern per file that takes its successors too, with the folder if the name alone says nothing."""
    names = [re.sub(r"\d+", "*", draft.file.name) for draft in drafts]
    return [
        f"{draft.file.parent.name}/{name}"
        if names.count(name) > 1 or not re.search("[^\\W\\d_]", name.split(".")[0])
        else name
        for draft, name in zip(drafts, names, strict=True)
    ]


def _file(draft: FileDraft, pattern: str) -> Iterator[str]:
    entry = draft.entry
    yield f"  - pattern: {scalar(pattern)}"
    yield f"    format: {entry.format}"
    yield f"    mode: snapshot  {_CHECK} `incremental`, if a file holds only what is new or changed"
    if re.search(r"\d", draft.file.stem):
        yield f"    # sequence: '(\\d+)\\{draft.file.suffix}$'  # if the number in the name counts the deliveries"
    dialect = entry.csv.model_dump()
    plain = CsvDialect().model_dump()
    if entry.format == "csv" and dialect != plain:
        options = ", ".join(f"{key}: {scalar(str(value))}" for key, value in dialect.items() if value != plain[key])
        yield f"    csv: {{{options}}}"
    if entry.null_values:
        yield f"    null_values: [{', '.join(map(scalar, entry.null_values))}]"
    if any(table.events for table in draft.tables):
        yield "    # A REDCap export. With the project's data dictionary, `format: redcap` reads it form by form."
    yield from _left_over(draft)
    if draft.ignore:
        yield f"    ignore: [{', '.join(map(scalar, draft.ignore))}]"
    if draft.ignore_sheets:
        yield f"    ignore_sheets: [{', '.join(map(scalar, draft.ignore_sheets))}]  {_CHECK} no table was found in them"
    yield "    tables:"
    for table in draft.tables:
        yield from _table(table)


def _left_over(draft: FileDraft) -> Iterator[str]:
    if draft.identifiers:
        yield "    # Must not be sent: these columns announce direct identifiers. Leave them out of the export."
        for name, kind in draft.identifiers.items():
            yield f"    #   {scalar(name)} ({kind.replace('_', ' ')})"
    if draft.unmapped:
        yield f"    {_CHECK} not mapped, so the file is refused until each is mapped below or ignored"
        for name, candidates in draft.unmapped.items():
            likest = f"perhaps {', '.join(candidates)}" if candidates else "nothing in the contract is like it"
            yield f"    #   {scalar(name)}: {likest}"
        if not draft.ignore:
            yield f"    # ignore: [{', '.join(map(scalar, draft.unmapped))}]"


def _table(table: TableDraft) -> Iterator[str]:
    yield f"      - table: {table.table}"
    if table.sheet is not None:
        yield f"        sheet: {scalar(table.sheet)}"
    if table.events:
        yield f"        where: {{{EVENT}: [{', '.join(map(scalar, table.events))}]}}"
    given = [line for match in table.match.columns for line in _column(match, table.match)]
    given += _computed(table)
    asked = [f"          {line}" for line in _missing(table)]
    if given or asked:
        yield "        columns:" if given else "        # columns:"
        yield from given
        yield from asked
    yield from _unpivot(table)


def _column(match: ColumnMatch, table: TableMatch) -> Iterator[str]:
    values = match.values.values if match.values else {}
    note = _note(match, table)
    if match.source == match.column.name and not values:
        if note:
            yield f"          {match.column.name}: {scalar(match.source)}{note}"
        return
    if not values and match.unit is None:
        yield f"          {match.column.name}: {scalar(match.source)}{note}"
    elif not values:
        yield f"          {match.column.name}: {{from: {scalar(match.source)}, unit: {match.unit}}}{note}"
    else:
        yield f"          {match.column.name}:{note}"
        yield f"            from: {scalar(match.source)}"
        yield "            values:"
        yield from (f"              {scalar(word)}: {scalar(ours)}" for word, ours in values.items())


def _note(match: ColumnMatch, table: TableMatch) -> str:
    notes = []
    if match.unit is not None:
        notes.append(f"the name says {match.unit}")
    elif match.score < SURE:
        notes.append("a guess")
    if match.values is not None and match.values.n_unknown:
        listed = closed_list(table.contract, match.column)
        known = f" ({', '.join(listed)})" if len(listed) <= _MOST_LISTED else ""
        notes.append(
            f"{match.values.n_unknown} of its {match.values.n_words} words are none of the contract's{known}; "
            "translate them under `values`"
        )
    return f"  {_CHECK} {'; '.join(notes)}" if notes else ""


def _computed(table: TableDraft) -> Iterator[str]:
    """Yield what stands in no column of the file, but follows from how it is laid out."""
    patient = next((found.source for found in table.match.columns if found.column.name == "patient_id"), "patient_id")
    names = {found.column.name for found in table.match.columns}
    visit = "" if not table.events else f"-{{{EVENT}}}"
    if table.scores and "assessment_id" not in names:
        template = scalar(f"{{{patient}}}{visit}-{{score}}")
        yield f"          assessment_id: {{template: {template}}}  {_CHECK} it must differ from visit to visit"
    if table.items is not None and "assessment_id" not in names:
        template = scalar(f"{{{patient}}}{visit}-{table.items.instrument}")
        yield f"          assessment_id: {{template: {template}}}  {_CHECK} it must differ from visit to visit"
    if table.scores:
        yield "          scored_by: {constant: source}"
    if table.items is not None and table.table == "outcome_assessment":
        columns = scalar(f"{table.items.prefix}{{1..{table.items.n}}}")
        yield f"          instrument: {{constant: {table.items.instrument}}}"
        yield f"          items_sum: {{sum_of: [{columns}]}}"
        yield f"          n_items_answered: {{count_of: [{columns}]}}"
        yield "          scored_by: {constant: registry}"


def _missing(table: TableDraft) -> Iterator[str]:
    given = (
        {"assessment_id", "scored_by", "instrument", "total", "item_no", "value"}
        if table.scores or table.items
        else set()
    )
    if any(score.study_day is not None for score in table.scores):
        given |= {"study_day", "timing_rel_dose"}
    asked = [column for column in table.match.missing if column.name not in given]
    if asked:
        yield f"{_CHECK} required, and nothing in the file looks like it: name the column, or set a constant"
        yield from (f"# {column.name}: {_asked(table, column)}" for column in asked)


def _asked(table: TableDraft, column: Column) -> str:
    listed = closed_list(table.match.contract, column)
    if not listed:
        return "…"
    return "{constant: …}" + (f"  # one of {', '.join(listed)}" if len(listed) <= _MOST_LISTED else "")


def _unpivot(table: TableDraft) -> Iterator[str]:
    if table.scores:
        yield "        unpivot:"
        yield "          into: total"
        yield f"          columns:  {_CHECK} nominal days; a score on a day with a dose is `pre` or `post`"
        for score in table.scores:
            constants = f"score: {scalar(score.source)}, instrument: {score.instrument}"
            if score.study_day is not None:
                constants += f", study_day: {score.study_day}, timing_rel_dose: none"
            yield f"            {scalar(score.source)}: {{{constants}}}"
    elif table.items is not None and table.table == "outcome_item":
        yield "        unpivot:"
        yield "          into: value"
        yield f"          columns: {{{scalar(f'{table.items.prefix}{{item_no:1..{table.items.n}}}')}: {{}}}}"


def scalar(text: str) -> str:
    """Return text as YAML reads it back, on one line and quoted where it must be."""
    written = str(yaml.safe_dump(text, allow_unicode=True, default_flow_style=True, width=10**9))
    plain = written.removesuffix("\n").removesuffix("\n...")
    # In a flow mapping some signs end a plain word.
    needs_quotes = "\n" in plain or (plain[:1] not in "'\"" and any(sign in plain for sign in ",;[]{}#:"))
    return json.dumps(text, ensure_ascii=not text.isprintable()) if needs_quotes else plain
