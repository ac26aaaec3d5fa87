"""The simulated data that every part of the benchmark reads: the same CSV files for all.

What belongs here: simulating once per size, and saying which files hold which table with which types. Run as a worker
it simulates; imported it only reads what the worker left, without any library of the pipeline.
"""

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SEED = 20_261_121
_CLINICS = 8
_MANIFEST = "data.json"


@dataclass(frozen=True)
class Table:
    """One table of the simulated data."""

    name: str
    n_records: int
    files: list[str]
    """CSV files with a header, one for each clinic, relative to the folder of the data."""
    types: dict[str, str]
    """Contract type by column, in the order of the header."""


@dataclass(frozen=True)
class Data:
    """What there is to read."""

    folder: Path
    n_bytes: int
    fingerprint: str
    tables: dict[str, Table]

    @property
    def n_records(self) -> int:
        """Return the records of all tables."""
        return sum(table.n_records for table in self.tables.values())

    @property
    def n_assessments(self) -> int:
        """Return the outcome assessments, by which the size is asked for."""
        return self.tables["outcome_assessment"].n_records

    def paths(self, table: str) -> list[str]:
        """Return the files of a table."""
        return [str(self.folder / name) for name in self.tables[table].files]

    def read_once(self) -> None:
        """Read every file, so that no part of the benchmark pays for a cold disk."""
        for table in self.tables.values():
            for name in table.files:
                with (self.folder / name).open("rb") as handle:
                    while handle.read(1 << 22):
                        pass


def read_data(folder: Path) -> Data:
    """Return the data that lie in a folder."""
    manifest = json.loads((folder / _MANIFEST).read_bytes())
    tables = {name: Table(**table) for name, table in manifest["tables"].items()}
    return Data(folder, manifest["n_bytes"], manifest["fingerprint"], tables)


def is_current(folder: Path) -> bool:
    """Tell whether the data are there, and are what today's simulator would write."""
    try:
        return read_data(folder).fingerprint == _fingerprint()
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprint() -> str:
    """Return a hash of the code that simulates; the seed and the number of clinics are in this file."""
    root = Path(__file__).resolve().parents[1]
    sources = [Path(__file__), *sorted((root / "registry_pipeline" / "simulate").rglob("*.py"))]
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


def _simulate(folder: Path, n_assessments: int) -> None:
    from registry_pipeline.contracts.load import load_contracts  # noqa: PLC0415 - workers of the floor do without
    from registry_pipeline.feeds.load import load_feeds  # noqa: PLC0415 - likewise
    from registry_pipeline.settings import Settings  # noqa: PLC0415 - likewise
    from registry_pipeline.simulate.run import patients_for_assessments, simulate  # noqa: PLC0415 - likewise

    shutil.rmtree(folder, ignore_errors=True)
    settings = Settings(home=folder)
    simulation = simulate(
        settings,
        n_clinics=_CLINICS,
        n_patients=max(_CLINICS, patients_for_assessments(n_assessments)),
        seed=_SEED,
        with_defects=False,
        shapes=("canonical",),
    )
    contracts = load_contracts(settings)
    files: dict[str, list[Path]] = {}
    for clinic_id, feed in sorted(load_feeds(settings, contracts).by_clinic.items()):
        for entry in feed.files:
            found = sorted((simulation.landing / clinic_id).glob(entry.pattern))
            files.setdefault(entry.tables[0].table, []).extend(found)
    tables = {
        name: asdict(
            Table(
                name,
                simulation.n_rows[name],
                [str(path.relative_to(folder.resolve())) for path in paths],
                _types(paths[0], {column.name: column.physical_type for column in contracts.tables[name].columns}),
            )
        )
        for name, paths in sorted(files.items())
    }
    n_bytes = sum(path.stat().st_size for paths in files.values() for path in paths)
    manifest: dict[str, Any] = {"fingerprint": _fingerprint(), "n_bytes": n_bytes, "tables": tables}
    # Written last: its presence says that the data are whole.
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _types(path: Path, types: dict[str, str]) -> dict[str, str]:
    with path.open(encoding="utf-8") as handle:
        return {name: types[name] for name in handle.readline().rstrip("\n").split(",")}


def main() -> None:
    """Simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, required=True, help="About how many outcome assessments.")
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    _simulate(arguments.folder, arguments.n)


if __name__ == "__main__":
    main()
