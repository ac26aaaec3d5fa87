"""The staging SQL of a table, generated from its contract: which row of a key is current, and who lacks a parent.

What belongs here: SQL text made from contracts. What does not: running it, and clinical definitions.
"""

from collections.abc import Iterable

from registry_pipeline.contracts.model import Column, ForeignKey, TableContract

CLINIC_COLUMN = Column("clinic_id", "VARCHAR", "The clinic that sent the row; keys are scoped by it.", "shared")
PROVENANCE = (
    Column("delivery_id", "VARCHAR", "The delivery that the row came in (SHA-256 of the file).", "internal"),
    Column("line", "BIGINT", "The physical line (or sheet row) of the row in its file, from 1.", "internal"),
)
REFUSED_BY = Column(
    "refused_by", "VARCHAR", "The cross-table rule that refuses the row, or null when it is accepted.", "internal"
)

Tables = dict[str, TableContract]


def delivered(tables: Tables) -> list[TableContract]:
    """Return the tables that clinics send as rows; `clinic` itself comes from the feeds."""
    return [table for table in tables.values() if table.name != "clinic"]


def key_columns(table: TableContract) -> tuple[str, ...]:
    """Return what names a row of the registry: the clinic first, then the contract's key."""
    return ("clinic_id", *(name for name in table.key if name != "clinic_id"))


def contract_columns(table: TableContract) -> tuple[Column, ...]:
    """Return the contract's columns with the clinic first, whether or not the contract lists it."""
    return (
        table.column("clinic_id") or CLINIC_COLUMN,
        *(column for column in table.columns if column.name != "clinic_id"),
    )


def current_columns(table: TableContract) -> tuple[Column, ...]:
    """Return the columns of `staging.cur_<table>`."""
    return (*contract_columns(table), *PROVENANCE, REFUSED_BY)


def current_query(table: TableContract, tables: Tables) -> str:
    """Return the query of `staging.cur_<table>`: the current row of each key and whether its parents exist."""
    source = f"lake.{table.name}"
    names = [column.name for column in (*contract_columns(table), *PROVENANCE)]
    keys = ", ".join(f"r.{name}" for name in key_columns(table))
    joins = [_parent_join(number, key, tables) for number, key in enumerate(table.foreign_keys, start=1)]
    return f"""
    with resent as (
      select l.clinic_id
      from {source} as l
      group by l.clinic_id
      having min(l.delivery_order) <> max(l.delivery_order)
    ), ranked as (
      select {_columns("r", names)},
        row_number() over (partition by {keys} order by r.delivery_order desc, r.line desc) as recency
      from {source} as r
      inner join resent as s on r.clinic_id = s.clinic_id
    ), sent_once as (
      select {_columns("o", names)}
      from {source} as o
      left join resent as t on o.clinic_id = t.clinic_id
      where t.clinic_id is null
    ), current_rows as (
      select {_columns("sent_once", names)} from sent_once
      union all
      select {_columns("ranked", names)} from ranked where ranked.recency = 1
    )
    select {_typed(table)}, {_refused_by(table)} as refused_by
    from current_rows as c
    {" ".join(joins)}
    """


def accepted_query(table: TableContract, tables: Tables) -> str:
    """Return the query of `staging.stg_<table>`: the rows that may be kept and used.

    Rows of a patient who withdrew with deletion stop here, whichever table they are in.
    """
    names = [column.name for column in contract_columns(table)]
    if table.name == "clinic":
        return f"select {_columns('c', names)} from lake.clinic as c"
    joins, conditions = [], ["c.refused_by is null"]
    for number, (column, parent_column, withdrawn) in enumerate(_paths_to_withdrawn(table, tables), start=1):
        alias = f"w{number}"
        joins.append(
            f"left join ({withdrawn}) as {alias} "
            f"on c.clinic_id = {alias}.clinic_id and c.{column} = {alias}.{parent_column}"
        )
        conditions.append(f"{alias}.clinic_id is null")
    return f"""
    select {_columns("c", names)}
    from staging.cur_{table.name} as c
    {" ".join(joins)}
    where {" and ".join(conditions)}
    """


def findings_query(tables: Tables) -> str:
    """Return the query of `quality.cross_table_findings`."""
    selects = [
        f"""
        select c.clinic_id, c.delivery_id, '{table.name}' as table_name, c.line,
          case c.refused_by {" ".join(f"when '{key.rule_id}' then '{key.column}'" for key in table.foreign_keys)} end
            as column_name,
          c.refused_by as rule_id
        from staging.cur_{table.name} as c
        where c.refused_by is not null
        """
        for table in delivered(tables)
        if table.foreign_keys
    ]
    return " union all ".join(selects)


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


def _typed(table: TableContract) -> str:
    columns = (*contract_columns(table), *PROVENANCE)
    return ", ".join(f"cast(c.{column.name} as {column.physical_type}) as {column.name}" for column in columns)


def _refused_by(table: TableContract) -> str:
    """Return the rule id of the first foreign key, in contract order, that finds no parent."""
    whens = " ".join(
        f"when c.{key.column} is not null and p{number}.clinic_id is null then '{key.rule_id}'"
        for number, key in enumerate(table.foreign_keys, start=1)
    )
    return f"cast(case {whens} end as varchar)" if whens else "cast(null as varchar)"


def _parent_join(number: int, key: ForeignKey, tables: Tables) -> str:
    """Join the accepted rows of a parent.

    A parent that is refused itself counts as absent, so the children of an orphan are orphans too. Where the parent's
    key has further columns that the child has as well (a course names a diagnosis of its own patient), they must
    agree.
    """
    parent, child = tables[key.parent_table], tables[key.rule_id.split(".")[0]]
    shared = [name for name in parent.key if child.column(name) and name not in {"clinic_id", key.parent_column}]
    pairs = [(name, name) for name in ("clinic_id", *shared)]
    if key.parent_column != "clinic_id":
        pairs.append((key.column, key.parent_column))
    wanted = [parent_name for _, parent_name in pairs]
    alias = f"p{number}"
    relation, accepted = (
        ("lake.clinic", "") if parent.name == "clinic" else (f"staging.cur_{parent.name}", "where x.refused_by is null")
    )
    # Without the parent's whole key in hand several parents may match, and the child must not be multiplied.
    distinct = "" if set(key_columns(parent)) <= set(wanted) else "distinct "
    conditions = " and ".join(f"c.{mine} = {alias}.{theirs}" for mine, theirs in pairs)
    keys = f"select {distinct}{_columns('x', wanted)} from {relation} as x {accepted}"
    return f"left join ({keys}) as {alias} on {conditions}"


def _paths_to_withdrawn(table: TableContract, tables: Tables) -> list[tuple[str, str, str]]:
    """Return (column, its parent's column, keys of the parent's withdrawn rows) for each way to the patient."""
    if table.column("patient_id"):
        query = "select p.clinic_id, p.patient_id from staging.withdrawn_patient as p"
        return [("patient_id", "patient_id", query)]
    parents = [(key, tables[key.parent_table]) for key in table.foreign_keys if key.parent_table != "clinic"]
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
