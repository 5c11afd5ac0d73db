"""PDF bytes → title and text. Scanned pages have none: does not recognise characters. Raises NoText, TooLarge."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from threading import Lock

from pipelines.errors import NoText, TooLarge

MAX_BYTES = 50_000_000  # annual reports with pictures stay below
MAX_PAGES = 400  # what lies beyond is left out of the text: search needs the substance, not the annexes

_PDFIUM = Lock()  # PDFium is not thread-safe


@dataclass(frozen=True, slots=True)
class Pdf:
    """What a PDF says. `created` is the raw `D:YYYYMMDD…` string."""

    title: str
    text: str
    created: str
    author: str


def read_pdf(body: bytes, url: str) -> Pdf:
    """Read a PDF; the title is the metadata's, where it looks like one, else the first line. Raises NoText, TooLarge."""
    if len(body) > MAX_BYTES:
        raise TooLarge(url, f"{len(body)} bytes of PDF, at most {MAX_BYTES} are read")
    import pypdfium2

    try:
        with _PDFIUM, closing(pypdfium2.PdfDocument(body)) as document:
            meta = document.get_metadata_dict()
            text = "\n\n".join(_page_text(document, n) for n in range(min(len(document), MAX_PAGES))).strip()
    except pypdfium2.PdfiumError as error:
        raise NoText(url, f"not a readable PDF: {error}") from None
    if not text:
        raise NoText(url, "PDF without a text layer")
    title = str(meta.get("Title", "")).strip()
    first = next(line.strip() for line in text.splitlines() if line.strip())
    named = title if " " in title and not title.lower().startswith("microsoft word") else first
    return Pdf(named, text, str(meta.get("CreationDate", "")), str(meta.get("Author", "")))


def _page_text(document: object, n: int) -> str:
    with closing(document[n]) as page, closing(page.get_textpage()) as layer:  # type: ignore[index]
        return str(layer.get_text_bounded())
