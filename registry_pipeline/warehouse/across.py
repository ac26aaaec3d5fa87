"""Rules that span tables, as SQL: each name in a rule is followed to the row that it means.

What belongs here: joins and conditions made from `check: across`. What does not: which row of a key is current and what
becomes of a refused one (`staging.py`), and what the rules say (the contracts).

sqlglot is imported where it is used: reading contracts for a run that builds nothing does not need it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry_pipeline.contracts.model import Across, Column, ForeignKey, Rule, Summary, TableContract
from registry_pipeline.errors import ContractError

if TYPE_CHECKING:
    from sqlglot import exp

Tables = dict[str, TableContract]
Rows = Callable[[TableContract, Iterable[str]], str]
"""Gives the query of a table's rows with the named columns."""


def key_columns(table: TableContract) -> tuple[str, ...]:
    """Return what names a row of the registry: the clinic first, then the contract's key."""
    return ("clinic_id", *(name for name in table.key if name != "clinic_id"))


@dataclass
class Row:
    """A row in a query: the one that is judged, or one that it points to.

    Attributes:
        alias: What the query calls it.
        table: Its table.
        is_one: Whether the pointer to it names the whole key, so that it is one row or none.
        on: The condition of its join.
        columns: The columns that the query takes from it, in order of first use.
    """

    alias: str
    table: TableContract
    is_one: bool = True
    on: str = ""
    columns: dict[str, None] = field(default_factory=dict)

    def take(self, name: str) -> str:
        """Return a column as the query writes it."""
        self.columns[name] = None
        return f"{self.alias}.{name}"


class Joins:
    """What is joined to the rows of one table so that its rules can be judged."""

    def __init__(self, table: TableContract, tables: Tables, *, parents: Rows, summarised: Rows, alias: str) -> None:
        """Start with nothing joined.

        Args:
            table: The table whose rows are judged.
            tables: All tables.
            parents: Where rows that are pointed to are read.
            summarised: Where rows that are summarised are read.
            alias: What the query calls the rows of `table`.
        """
        self.own = Row(alias, table)
        self._tables = tables
        self._parents, self._summarised = parents, summarised
        self._rows: dict[str, Row] = {}
        self._aliases: dict[Summary, str] = {}
        self._summaries: list[str] = []

    def sql(self) -> str:
        """Return the joins, those that others lean on first."""
        return " ".join([*map(self._join, self._rows.values()), *self._summaries])

    def parent(self, child: Row, key: ForeignKey) -> Row:
        """Join the row that `child` points to.

        Where the parent's key has further columns that the child has as well (a course names a diagnosis of its own
        patient), they must agree.
        """
        alias = f"{child.alias}_{key.column}"
        if alias in self._rows:
            return self._rows[alias]
        table = self._tables[key.parent_table]
        shared = [
            name for name in table.key if child.table.column(name) and name not in {"clinic_id", key.parent_column}
        ]
        pairs = {name: name for name in ("clinic_id", *shared)}
        if key.parent_column != "clinic_id":
            pairs[key.parent_column] = key.column
        row = Row(alias, table, is_one=set(key_columns(table)) <= set(pairs))
        row.on = " and ".join(f"{child.take(mine)} = {row.take(theirs)}" for theirs, mine in pairs.items())
        self._rows[alias] = row
        return row

    def broken(self, rule: Rule) -> str:
        """Join what a rule needs, and return the condition that is true where a row breaks it.

        Raises:
            ContractError: If the rule is not SQL or a name in it means nothing, with its line.
        """
        check = rule.check
        assert isinstance(check, Across)  # noqa: S101 - for mypy
        values = {summary.name: self._summary(summary, rule) for summary in check.summaries}
        return f"not ({self.translated(check.sql, rule, values)})"

    def translated(self, sql: str, rule: Rule, values: Mapping[str, Mapping[str, str]] | None = None) -> str:
        """Return an expression of a rule with every name replaced by the column that it means."""
        from sqlglot import exp  # noqa: PLC0415 - see the module's docstring

        def resolved(node: "exp.Expression") -> "exp.Expression":
            if isinstance(node, exp.Dot | exp.Query | exp.Star) and not isinstance(node.parent, exp.Count):
                raise _fail(rule, "it may name columns, and rows at most three pointers away, and nothing else")
            if not isinstance(node, exp.Column):
                return node
            *path, name = (part.name for part in node.parts)
            table, _, column = self._resolved(path, name, rule, values or {}).partition(".")
            return exp.column(column, table=table)

        return str(_parsed(sql, rule).transform(resolved).sql(dialect="duckdb"))

    def _join(self, row: Row) -> str:
        rows = self._parents(row.table, row.columns)
        # Without the parent's whole key in hand several may match, and the child must not be multiplied.
        query = rows if row.is_one else f"select distinct {', '.join(row.columns)} from ({rows}) as d"
        return f"left join ({query}) as {row.alias} on {row.on}"

    def _summary(self, summary: Summary, rule: Rule) -> dict[str, str]:
        """Join a summary, once for all rules that ask for it, and return its values as the query writes them."""
        if summary not in self._aliases:
            self._aliases[summary] = f"{summary.name}_{len(self._aliases) + 1}"
            self._summaries.append(self._summary_join(summary, rule))
        return {name: f"{self._aliases[summary]}.{name}" for name, _ in summary.values}

    def _summary_join(self, summary: Summary, rule: Rule) -> str:
        alias = self._aliases[summary]
        rows, source = self._summarised_rows(summary, rule)
        scope = [] if summary.vocabulary else ["clinic_id"]
        groups = [*map(rows.own.take, scope), *(rows.translated(sql, rule) for sql in summary.by)]
        asked = [*map(self.own.take, scope), *(self.translated(sql, rule) for sql in summary.row)]
        where = f"where {rows.translated(summary.where, rule)}" if summary.where else ""
        selected = [
            *(f"{sql} as group_{number}" for number, sql in enumerate(groups, start=1)),
            *(f"{rows.translated(sql, rule)} as {name}" for name, sql in summary.values),
        ]
        on = [f"{sql} = {alias}.group_{number}" for number, sql in enumerate(asked, start=1)]
        return f"""
        left join (
          select {", ".join(selected)}
          from ({source(rows.own.table, rows.own.columns)}) as s
          {rows.sql()}
          {where}
          group by {", ".join(groups)}
        ) as {alias} on {" and ".join(on)}
        """

    def _summarised_rows(self, summary: Summary, rule: Rule) -> tuple["Joins", Rows]:
        """Return the rows that a summary is made of, and where they are read."""
        source = _vocabulary if summary.vocabulary else self._summarised
        columns = tuple(Column(name, "VARCHAR", "", "shared") for name in summary.vocabulary)
        table = TableContract(summary.of, "", "", columns, ()) if columns else self._tables.get(summary.of)
        if table is None:
            raise _fail(rule, f"there is no table `{summary.of}`")
        return Joins(table, self._tables, parents=self._summarised, summarised=self._summarised, alias="s"), source

    def _resolved(self, path: list[str], name: str, rule: Rule, values: Mapping[str, Mapping[str, str]]) -> str:
        if len(path) == 1 and path[0] in values:
            if name not in values[path[0]]:
                raise _fail(rule, f"the summary `{path[0]}` has no value `{name}`")
            return values[path[0]][name]
        row = self.own
        for step in path:
            keys = [key for key in row.table.foreign_keys if key.parent_table == step]
            if len(keys) != 1:
                raise _fail(rule, f"a {row.table.name} does not point to one `{step}`")
            row = self.parent(row, keys[0])
        if row.table.column(name) is None:
            raise _fail(rule, f"the table {row.table.name} has no column `{name}`")
        if not row.is_one and name not in row.columns:
            raise _fail(rule, f"the pointer to {row.table.name} may name several rows, so `{name}` is not one value")
        return row.take(name)


def _vocabulary(table: TableContract, names: Iterable[str]) -> str:
    return f"select {', '.join(f'v.{name}' for name in names)} from {table.name} as v"


def check_across(tables: Tables) -> None:
    """Translate every rule that spans tables, as a build would.

    Raises:
        ContractError: If a rule is not SQL or a name in it means nothing, with its line.
    """

    def nowhere(table: TableContract, _names: Iterable[str]) -> str:
        return table.name

    for table in tables.values():
        for rule in table.cross_table_rules:
            Joins(table, tables, parents=nowhere, summarised=nowhere, alias="c").broken(rule)


def _parsed(sql: str, rule: Rule) -> "exp.Expression":
    from sqlglot import parse_one  # noqa: PLC0415 - see the module's docstring
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - likewise

    try:
        return parse_one(sql, dialect="duckdb")
    except SqlglotError as error:
        raise _fail(rule, "it is not an SQL expression") from error


def _fail(rule: Rule, why: str) -> ContractError:
    return ContractError(
        f"The rule {rule.id} cannot be compiled: {why}.",
        remedy="Mend the rule.",
        file=rule.source.file,
        line=rule.source.line,
    )
