"""The landing: responses kept as WARC, append-only, in a folder or at any fsspec address. Does not understand them.

A crawl writes into the local spool; `admit` moves its finished file in under `<year>/<month>/`. A file left open by a
killed crawl is repaired and admitted by the next run, so that nothing fetched is lost. Raises StoreError.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iprwatch.errors import StoreError

if TYPE_CHECKING:
    from pipelines.model import Page

SUFFIX = ".warc.gz"


class Landing:
    """All landed files of one space. `spool` is a local folder beside it for files being written."""

    def __init__(self, url: str, spool: Path) -> None:
        import fsspec

        self.spool = spool
        try:
            self.files: Any
            self.files, self.root = fsspec.core.url_to_fs(url)
            self.files.makedirs(self.root, exist_ok=True)
            spool.mkdir(parents=True, exist_ok=True)
        except (OSError, ImportError, ValueError) as error:
            raise StoreError(
                f"The landing {url} cannot be used: {error}", "Set IPRWATCH_LANDING, or install its fsspec driver"
            ) from None

    def names(self) -> list[str]:
        """Every landed file, relative, oldest first by name (names begin with the time)."""
        found = self.files.glob(f"{self.root}/*/*/*{SUFFIX}")
        return sorted(str(f).removeprefix(f"{self.root}/") for f in found)

    def pages(self, name: str) -> Iterator[Page]:
        """The pages of one file, in the order of arrival."""
        from spiders.warc import read_pages

        try:
            with self.files.open(f"{self.root}/{name}", "rb") as stream:
                yield from read_pages(stream)
        except OSError as error:
            raise StoreError(f"The landed file {name} cannot be read: {error}", "Check IPRWATCH_LANDING") from None

    def admit(self, path: Path) -> str:
        """Move a finished file from the spool in; returns its name."""
        name = f"{path.name[:4]}/{path.name[4:6]}/{path.name}"
        target = f"{self.root}/{name}"
        self.files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        if type(self.files).__name__ == "LocalFileSystem":
            shutil.move(path, target)  # a rename where spool and landing share a disk
        else:
            self.files.put_file(str(path), target)
            path.unlink()
        return name

    def admit_spooled(self) -> list[str]:
        """Move everything in from the spool, repairing what a killed crawl left open."""
        from spiders.warc import repair

        for left in sorted(self.spool.glob("*.open")):
            repair(left)
        return [self.admit(path) for path in sorted(self.spool.glob(f"*{SUFFIX}"))]


def run_name(now: datetime, suffix: str = "") -> str:
    """An id for a run that sorts by time: `20260302T090000.000000Z`, then a suffix."""
    return f"{now:%Y%m%dT%H%M%S.%f}Z{suffix}"
