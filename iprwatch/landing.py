"""The landing: responses kept as WARC, append-only, in a folder or at any fsspec address. Does not understand them.

A crawl writes into the local spool; `admit_spooled` moves finished files in under `<year>/<month>/`. A file left open by
a killed crawl is repaired and admitted by the next run, and a file that cannot be moved waits in the spool, so that nothing
fetched is lost. Raises StoreError.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iprwatch.errors import StoreError
from iprwatch.ledger.facts import refuse_other

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

    def claim(self, space: str) -> None:
        """Mark the landing as the space's. Raises InputError where it is the other's, StoreError."""
        mark = f"{self.root}/space"
        try:
            if not self.files.exists(mark):
                self.files.pipe_file(mark, space.encode())
            held = self.files.cat_file(mark).decode()
        except OSError as error:
            raise StoreError(f"The landing cannot be used: {error}", "Check IPRWATCH_LANDING") from None
        refuse_other("landing", held, space)

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

    def admit_spooled(self) -> list[str]:
        """Move everything in from the spool, repairing what a killed crawl left open; returns the names. Raises StoreError."""
        from spiders.warc import repair

        names = []
        try:
            for left in sorted(self.spool.glob("*.open")):
                with contextlib.suppress(FileNotFoundError):  # finished by its writer, or repaired by another run
                    repair(left)
            for path in sorted(self.spool.glob(f"*{SUFFIX}")):
                with contextlib.suppress(FileNotFoundError):  # another run was faster
                    names.append(self._admit(path))
        except OSError as error:
            raise StoreError(
                f"The landing {self.root} cannot be written: {error}", "What was fetched waits in the spool: run again"
            ) from None
        return names

    def _admit(self, path: Path) -> str:
        name = f"{path.name[:4]}/{path.name[4:6]}/{path.name}"
        target = f"{self.root}/{name}"
        self.files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        if type(self.files).__name__ == "LocalFileSystem":
            move(path, Path(target))
        else:
            self.files.put_file(str(path), target)
            path.unlink()
        return name


def move(path: Path, target: Path) -> None:
    """Move a file, to another disk too; it is never half there. Raises OSError."""
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f"{target.name}.part")
        try:
            shutil.copyfile(path, part)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
        path.unlink()


def run_name(now: datetime, suffix: str = "") -> str:
    """An id for a run that sorts by time: `20260302T090000.000000Z`, then a suffix."""
    return f"{now:%Y%m%dT%H%M%S.%f}Z{suffix}"
