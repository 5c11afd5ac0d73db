"""Who is calling the offices: asked once on a terminal, remembered in the home folder, told in every request."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from iprwatch.errors import InputError
from iprwatch.redact import keep_secret

if TYPE_CHECKING:
    from iprwatch.context import Context
    from iprwatch.settings import Settings

MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
REMEDY = "Give one: CONTACT=me@office.example make live, or set IPRWATCH_CONTACT"


def settle_contact(context: Context) -> str:
    """The contact of the settings, the remembered one, or the answer of a person. Raises InputError."""
    path = context.settings.home / "contact"
    contact = context.settings.contact or (path.read_text("utf-8").strip() if path.exists() else "")
    if not contact and sys.stdin.isatty():
        print("The offices see who is calling. A mail address they can write to: ", end="", flush=True)
        contact = sys.stdin.readline().strip()
    if not contact:
        raise InputError("No contact for the offices is set", REMEDY)
    if not MAIL.fullmatch(keep_secret(contact)):
        raise InputError("The contact is not a mail address", REMEDY)
    path.write_text(contact, "utf-8")
    context.settings = context.settings.model_copy(update={"contact": contact})
    return contact


def user_agent(settings: Settings) -> str:
    """The User-Agent header: the program, with the contact where one is set."""
    from iprwatch import __version__

    contact = f" (+{settings.contact})" if settings.contact else ""
    return f"iprwatch/{__version__}{contact}"
