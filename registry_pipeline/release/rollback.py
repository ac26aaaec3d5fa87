"""Going back to an earlier release, and staying there: a release set aside is not taken up again by itself.

What belongs here: which releases are set aside, and moving `current` back. What does not: making releases
(`publish.py`), and showing them (`cli/releases.py`).
"""

import json
from datetime import UTC, datetime

from registry_pipeline.errors import ConfigurationError
from registry_pipeline.lake.atomic import exclusive, point, storage_errors, write_text
from registry_pipeline.lake.paths import Home
from registry_pipeline.release.releases import Release, current_release, is_intact, published

_FILE = "set_aside.json"


def set_aside(home: Home) -> dict[str, str]:
    """Return the releases that were rolled back: fingerprint → when (UTC, ISO 8601)."""
    file = home.releases / _FILE
    if not file.is_file():
        return {}
    try:
        found: dict[str, str] = json.loads(file.read_bytes())
    except ValueError as error:
        raise ConfigurationError(
            "The list of releases that were rolled back cannot be read.",
            remedy="Remove the file: the next run then publishes the latest inputs again.",
            file=file,
        ) from error
    return found


def take_up(home: Home, fingerprint: str) -> None:
    """Forget that releases of these inputs were rolled back."""
    found = set_aside(home)
    if found.pop(fingerprint, None):
        _write(home, found)


def roll_back(home: Home, release_id: str | None = None) -> Release:
    """Point `current` to an earlier release and set those published after it aside.

    Nothing is deleted. Runs leave `current` there until deliveries, contracts or code change.

    Args:
        home: The registry home.
        release_id: The release to go back to; the one before the current one when None.

    Raises:
        ConfigurationError: If there is no such release, or files of it are missing.
        LockHeldError: If a run works in this home.
        StorageError: If it cannot be written; `current` stays.
    """
    with exclusive(home.lock):
        releases = list(published(home))
        target = _target(home, releases, release_id)
        if not is_intact(target.path):
            raise ConfigurationError(
                f"Files of release {target.release_id} are missing.",
                remedy="Choose another one: `registry releases` lists them.",
                file=target.path,
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        later = releases[: [release.release_id for release in releases].index(target.release_id)]
        aside = {**set_aside(home), **{release.fingerprint: now for release in later}}
        aside.pop(target.fingerprint, None)
        # Said before it is done: a crash between the two leaves a release current that a person wanted gone, and the
        # same command again makes it good; the other way round a run would quietly undo the rollback.
        _write(home, aside)
        point(home.current, target.path)
    return target


def _target(home: Home, releases: list[Release], release_id: str | None) -> Release:
    if release_id is None:
        current = current_release(home)
        place = next((n for n, release in enumerate(releases) if current and release.path == current.path), None)
        if place is None or place + 1 == len(releases):
            raise ConfigurationError("There is no earlier release to go back to.", remedy="Nothing was changed.")
        return releases[place + 1]
    for release in releases:
        if release.release_id == release_id:
            return release
    raise ConfigurationError(
        f"There is no release {release_id}.", remedy="`registry releases` lists those on disk.", file=home.releases
    )


def _write(home: Home, found: dict[str, str]) -> None:
    with storage_errors(home.releases):
        write_text(home.releases / _FILE, json.dumps(dict(sorted(found.items())), indent=2) + "\n")
