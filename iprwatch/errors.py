"""The errors of the composition root and the exit code of every class.

Exit codes: 0 done · 1 unexpected · 2 usage · 3 input or configuration · 4 not found · 5 nothing could be fetched ·
6 a store or model cannot be used · 7 another run holds the lock · 8 unhealthy (`status`, `doctor`) · 130 interrupted

IprwatchError(fact, remedy)
├─ InputError        3  a file, setting or argument is not what it must be
├─ NotFound          4  no such article, source, theme or file
├─ FetchError        5  every source failed, or the one address to add
├─ StoreError        6  ledger, landing or disk cannot be used
└─ Busy              7  another run holds the lock
"""

from __future__ import annotations

import errno

EXIT_UNHEALTHY = 8
EXIT_INTERRUPTED = 130


class IprwatchError(Exception):
    """What is wrong, and what to do about it."""

    exit_code = 1

    def __init__(self, fact: str, remedy: str = "") -> None:
        super().__init__(f"{fact}. {remedy}" if remedy else fact)
        self.fact, self.remedy = fact, remedy


class InputError(IprwatchError):
    """A file, setting or argument is not what it must be."""

    exit_code = 3


class NotFound(IprwatchError):
    """No such article, source, theme or file."""

    exit_code = 4


class FetchError(IprwatchError):
    """Every source failed, or the one address that was to be added."""

    exit_code = 5


class StoreError(IprwatchError):
    """Ledger, landing or disk cannot be used."""

    exit_code = 6


class Busy(IprwatchError):
    """Another run holds the lock."""

    exit_code = 7


DISK_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free disk space, then run again: nothing is lost"),
    **dict.fromkeys(
        (errno.EROFS, errno.EACCES, errno.EPERM), "Make the folder writable, or set IPRWATCH_HOME to one that is"
    ),
    errno.EIO: "Check the disk",
}
"""What to do about a file that cannot be written or read, by the system's error number."""


def name_disk_error(error: OSError) -> StoreError | None:
    """A fault of the disk as an error of ours; None for any other."""
    remedy = DISK_REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f"{error.filename}: " if error.filename else ""
    return StoreError(f"{place}{error.strerror}", remedy)


FOREIGN_EXIT_CODES = {
    "BadQuery": 3,
    "SourceError": 3,
    "ThemesError": 3,
    "ExtractError": 3,
    "NoText": 3,
    "NotAnArticle": 3,
    "TooLarge": 3,
    "ModelError": 6,
    "SearchError": 6,
    "IndexMissing": 6,
    "IndexMismatch": 6,
    "IndexBusy": 7,
    "ServerUnavailable": 7,
    "ServerRefused": 6,
    "Rejected": 6,
}
"""Exit codes of the other rooms' errors, by class name, so that a light command need not import their modules."""


def exit_code(error: BaseException) -> int:
    """The exit code of an error's class; 1 for what is not ours."""
    if isinstance(error, IprwatchError):
        return error.exit_code
    return next((FOREIGN_EXIT_CODES[c.__name__] for c in type(error).__mro__ if c.__name__ in FOREIGN_EXIT_CODES), 1)
