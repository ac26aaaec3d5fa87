"""The kinds and strata of patients that depend on indication, clinic and route alone."""

from tests.warehouse_harness import Warehouse

MAIN_KIND = "intermediate.int_main_kind"
MAIN_STRATUM = "intermediate.int_main_stratum"


def test_kinds_that_differ_in_other_traits_alone_are_one_main_kind(warehouse: Warehouse) -> None:
    kinds = [
        (1, "mdd", "C001", "iv", "clinic"),
        (2, "mdd", "C001", "iv", "hospital"),
        (3, "mdd", "C001", "im", "clinic"),
        (4, "mdd", "C002", "iv", "clinic"),
        (5, "crps", "C001", "iv", "clinic"),
        (5, "crps", "C001", "iv", "clinic"),
    ]
    names = ("patient_kind_no", "indication_code", "clinic_id", "route_code", "setting_code")
    query = warehouse(
        {
            "intermediate.int_patient_kind": [
                {"patient_no": number, **dict(zip(names, kind, strict=True))} for number, kind in enumerate(kinds)
            ]
        },
        MAIN_KIND,
    )
    rows = query(f"select patient_kind_no, main_kind_no from {MAIN_KIND} order by all")
    main = {row["patient_kind_no"]: row["main_kind_no"] for row in rows}
    assert len(rows) == len(main) == 5
    assert main[1] == main[2]
    assert set(main.values()) == {1, 2, 3, 4}


def test_main_strata_are_those_of_the_main_kind_once_and_of_no_smaller_dimension(warehouse: Warehouse) -> None:
    main = [("all", "overall", "all"), ("all", "clinic", "C001"), ("all", "indication", "mdd"), ("mdd", "route", "iv")]
    placed = [(number, *stratum) for number in (1, 2) for stratum in main]
    placed += [(1, "all", "setting", "clinic"), (2, "all", "setting", "hospital"), (2, "all", "dose", "unknown")]
    names = ("patient_kind_no", "indication", "dimension", "level")
    query = warehouse(
        {
            "intermediate.int_patient_stratum": [dict(zip(names, row, strict=True)) for row in placed],
            "intermediate.int_main_kind": [{"patient_kind_no": number, "main_kind_no": 7} for number in (1, 2)],
        },
        MAIN_STRATUM,
    )
    rows = query(f"select main_kind_no, indication, dimension, level from {MAIN_STRATUM}")
    assert sorted(tuple(row.values()) for row in rows) == sorted((7, *stratum) for stratum in main)
