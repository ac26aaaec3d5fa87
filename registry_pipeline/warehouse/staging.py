"""The staging SQL of a table, generated from its contract: which row of a key is current, and which rows are refused.

A row is judged from its parents down. Pointers, and rules that refuse, read the *accepted* rows that are pointed to, so
what hangs on a refused row is refused as an orphan. A summary in a rule that refuses reads the current rows *as they
were sent*, so a parent can be judged by its children and no two tables wait for each other. Rules that warn come last
and see accepted rows alone.

What belongs here: SQL text made from contracts. What does not: running it, following a rule's names (`across.py`), and
clinical definitions.
"""

from collections.abc import Iterable, Iterator

from registry_pipeline.contracts.model import Column, Rule, Severity, TableContract
from registry_pipeline.warehouse.across import Joins, Tables

CLINIC_COLUMN = Column("clinic_id", "VARCHAR", "The clinic that sent the row; keys are scoped by it.", "shared")
PROVENANCE = (
    Column("delivery_id", "VARCHAR", "The delivery that the row came in (SHA-256 of the file).", "internal"),
    Column("line", "BIGINT", "The physical line (or sheet row) of the row in its file, from 1.", "internal"),
)
PLACE = (
    Column("delivery_order", "BIGINT", "Which of the table's deliveries the row came in, in their order.", "internal"),
    Column("row_no", "BIGINT", "Which row of that delivery it is.", "internal"),
)
"""Where a row lies in the lake: two whole numbers, which cost a fraction of its key when rows are left out."""
REFUSED_BY = Column(
    "refused_by", "VARCHAR", "The cross-table rule that refuses the row, or null when it is accepted.", "internal"
)


def delivered(tables: Tables) -> list[TableContract]:
    """Return the tables that clinics send as rows; the others come from feeds and receipts."""
    return [table for table in tables.values() if table.is_delivered]


def contract_columns(table: TableContract) -> tuple[Column, ...]:
    """Return the contract's columns with the clinic first, whether or not the contract lists it."""
    return (
        table.column("clinic_id") or CLINIC_COLUMN,
        *(column for column in table.columns if column.name != "clinic_id"),
    )


def current_columns(table: TableContract) -> tuple[Column, ...]:
    """Return the columns of `staging.cur_<table>`."""
    return (*contract_columns(table), *PROVENANCE, REFUSED_BY)


def refused_query(table: TableContract, tables: Tables) -> str:
    """Return the query of `staging.ref_<table>`: the current rows that a pointer or a rule refuses, and which."""
    joins = Joins(table, tables, parents=_accepted, summarised=_as_sent, alias="c")
    refused_by = _refused_by(table, joins)
    places = [column.name for column in PLACE]
    names = [column.name for column in contract_columns(table)]
    return f"""
    select {_columns("f", places)}, f.refused_by
    from (
      select {_columns("c", places)}, {refused_by} as refused_by
      from ({_as_sent(table, [*names, *places])}) as c
      {joins.sql()}
    ) as f
    where f.refused_by is not null
    """


def current_query(table: TableContract) -> str:
    """Return the query of `staging.cur_<table>`: the current row of each key and what refuses it, if anything does."""
    columns = (*contract_columns(table), *PROVENANCE)
    typed = ", ".join(f"cast(c.{column.name} as {column.physical_type}) as {column.name}" for column in columns)
    names = [column.name for column in (*columns, *PLACE)]
    return f"""
    select {typed}, r.refused_by
    from ({_as_sent(table, names)}) as c
    left join staging.ref_{table.name} as r on {_same_place("c", "r")}
    """


def left_out_query(table: TableContract, tables: Tables) -> str:
    """Return the query of `staging.out_<table>`: where the rows lie that may not be used.

    Rows of a patient who withdrew with deletion are among them, whichever table they are in.
    """
    places = [column.name for column in PLACE]
    withdrawn = [
        f"""
        select {_columns("c", places)}
        from ({_as_sent(table, ["clinic_id", column, *places])}) as c
        inner join ({keys}) as w on c.clinic_id = w.clinic_id and c.{column} = w.{parent_column}
        """
        for column, parent_column, keys in _paths_to_withdrawn(table, tables)
    ]
    superseded = f"select {_columns('s', places)} from staging.superseded_row as s where s.table_name = '{table.name}'"
    refused = f"select {_columns('r', places)} from staging.ref_{table.name} as r"
    return " union ".join([superseded, refused, *withdrawn])


def accepted_query(table: TableContract) -> str:
    """Return the query of `staging.stg_<table>`: the rows that may be kept and used."""
    names = [column.name for column in contract_columns(table)]
    if not table.is_delivered:
        return f"select {_columns('l', names)} from lake.{table.name} as l"
    # One join whatever the reason: DuckDB takes each such filter for a fifth of the rows, and sizes joins by that.
    return f"""
    select {_columns("l", names)}
    from lake.{table.name} as l
    left join staging.out_{table.name} as o on {_same_place("l", "o")}
    where o.row_no is null
    """


def findings_query(tables: Tables) -> str:
    """Return the query of `quality.cross_table_findings`."""
    return " union all ".join(select for table in delivered(tables) for select in _findings(table, tables))


def _findings(table: TableContract, tables: Tables) -> Iterator[str]:
    finding = f"select c.clinic_id, c.delivery_id, '{table.name}' as table_name, c.line"
    columns = {key.rule_id: key.column for key in table.foreign_keys} | {
        rule.id: rule.column for rule in _of_severity(table, "reject")
    }
    if columns:
        yield f"""
        {finding},
          case c.refused_by {" ".join(f"when '{rule_id}' then '{name}'" for rule_id, name in columns.items())} end
            as column_name,
          c.refused_by as rule_id, 'reject' as severity
        from staging.cur_{table.name} as c
        where c.refused_by is not null
        """
    for rule in _of_severity(table, "warn"):
        joins = Joins(table, tables, parents=_accepted, summarised=_accepted, alias="c")
        broken = joins.broken(rule)
        yield f"""
        {finding}, '{rule.column}' as column_name, '{rule.id}' as rule_id, 'warn' as severity
        from staging.cur_{table.name} as c
        {joins.sql()}
        where c.refused_by is null and {broken}
        """


def adjustments_query(tables: Tables) -> str:
    """Return the query of `quality.delivery_adjustments`."""
    counts = " union all ".join(
        f"""
        select c.clinic_id, c.delivery_id, count(c.refused_by) as n_refused, count(*) as n_rows
        from staging.cur_{table.name} as c
        group by c.clinic_id, c.delivery_id
        """
        for table in delivered(tables)
    )
    return f"""
    with per_table as ({counts}), per_delivery as (
      select p.clinic_id, p.delivery_id, sum(p.n_refused) as n_refused, sum(p.n_rows) as n_rows
      from per_table as p
      group by p.clinic_id, p.delivery_id
    )
    select d.clinic_id, d.delivery_id,
      cast(coalesce(n.n_refused, 0) as bigint) as n_cross_table_refused,
      cast(coalesce(n.n_rows, 0) as bigint) as n_current
    from lake.delivery as d
    left join per_delivery as n on d.clinic_id = n.clinic_id and d.delivery_id = n.delivery_id
    """


def _columns(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _same_place(one: str, other: str) -> str:
    return " and ".join(f"{one}.{column.name} = {other}.{column.name}" for column in PLACE)


def _of_severity(table: TableContract, severity: Severity) -> list[Rule]:
    return [rule for rule in table.cross_table_rules if rule.severity == severity]


def _refused_by(table: TableContract, joins: Joins) -> str:
    """Return the id of the first pointer, in contract order, that finds no parent, else of the first broken rule."""
    whens = [
        f"when c.{key.column} is not null and {joins.parent(joins.own, key).alias}.clinic_id is null "
        f"then '{key.rule_id}'"
        for key in table.foreign_keys
    ] + [f"when {joins.broken(rule)} then '{rule.id}'" for rule in _of_severity(table, "reject")]
    return f"cast(case {' '.join(whens)} end as varchar)" if whens else "cast(null as varchar)"


def _as_sent(table: TableContract, names: Iterable[str]) -> str:
    """Return the query of the current row of each key, accepted or not."""
    return f"""
    select {_columns("l", names)}
    from lake.{table.name} as l
    left join (
      select s.delivery_order, s.row_no
      from staging.superseded_row as s
      where s.table_name = '{table.name}'
    ) as o on {_same_place("l", "o")}
    where o.row_no is null
    """


def _accepted(table: TableContract, names: Iterable[str]) -> str:
    if not table.is_delivered:
        return f"select {_columns('x', names)} from lake.{table.name} as x"
    return f"select {_columns('x', names)} from staging.cur_{table.name} as x where x.refused_by is null"


def _paths_to_withdrawn(table: TableContract, tables: Tables) -> list[tuple[str, str, str]]:
    """Return (column, its parent's column, keys of the parent's withdrawn rows) for each way to the patient."""
    if table.column("patient_id"):
        query = "select p.clinic_id, p.patient_id from staging.withdrawn_patient as p"
        return [("patient_id", "patient_id", query)]
    parents = [(key, tables[key.parent_table]) for key in table.foreign_keys if tables[key.parent_table].is_delivered]
    return [
        (key.column, key.parent_column, _withdrawn_keys(parent, key.parent_column, tables)) for key, parent in parents
    ]


def _withdrawn_keys(table: TableContract, key: str, tables: Tables) -> str:
    selects = [
        f"""
        select x.clinic_id, x.{key}
        from staging.cur_{table.name} as x
        inner join ({withdrawn}) as y on x.clinic_id = y.clinic_id and x.{column} = y.{parent_column}
        """
        for column, parent_column, withdrawn in _paths_to_withdrawn(table, tables)
    ]
    return " union ".join(selects)
