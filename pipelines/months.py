"""Month names of the languages the offices write in → month numbers. A table, no logic but its index."""

from __future__ import annotations

MONTHS: dict[str, tuple[str, ...]] = {
    "ar": ("يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"),
    "de": ("januar jänner", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember"),
    "de abbreviated": ("jan", "feb", "mär mrz", "apr", "mai", "jun", "jul", "aug", "sep sept", "okt", "nov", "dez"),
    "en": ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
    "en abbreviated": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep sept", "oct", "nov", "dec"),
    "es": ("enero ene", "febrero", "marzo", "abril abr", "mayo", "junio", "julio", "agosto ago", "septiembre setiembre", "octubre", "noviembre", "diciembre dic"),
    "fr": ("janvier janv", "février févr", "mars", "avril avr", "mai", "juin", "juillet juil", "août", "septembre", "octobre", "novembre", "décembre déc"),
    "id": ("januari", "februari", "maret", "april", "mei", "juni", "juli", "agustus", "september", "oktober okt", "november", "desember des"),
    "it": ("gennaio gen", "febbraio", "marzo", "aprile", "maggio mag", "giugno giu", "luglio lug", "agosto", "settembre set", "ottobre ott", "novembre", "dicembre"),
    "ms": ("januari", "februari", "mac", "april", "mei", "jun", "julai", "ogos", "september", "oktober", "november", "disember dis"),
    "pt": ("janeiro", "fevereiro fev", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro out", "novembro", "dezembro dez"),
    "ru": ("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"),
    "th": (
        "มกราคม ม.ค.", "กุมภาพันธ์ ก.พ.", "มีนาคม มี.ค.", "เมษายน เม.ย.", "พฤษภาคม พ.ค.", "มิถุนายน มิ.ย.",
        "กรกฎาคม ก.ค.", "สิงหาคม ส.ค.", "กันยายน ก.ย.", "ตุลาคม ต.ค.", "พฤศจิกายน พ.ย.", "ธันวาคม ธ.ค.",
    ),
}  # fmt: skip
"""Language → twelve entries, each the month's spellings in lower case parted by blanks. No spelling means two months."""

MONTH_OF: dict[str, int] = {
    spelling: number for names in MONTHS.values() for number, entry in enumerate(names, 1) for spelling in entry.split()
}
