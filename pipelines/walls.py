"""Is this page an article, or a bot wall, a consent or an error page? Tells why, decides nothing else. Never fails.

A page is refused only if it is short *and* its title is such a phrase or its text opens with one: an article about walls
has a title of its own, or text. The markers are scripts that only challenge pages run.
"""

from __future__ import annotations

import re

SHORT = 1500  # characters; walls and error pages say less, even with menus

TITLES = (
    # bot walls
    "just a moment", "attention required", "access denied", "access to this page has been denied", "are you a robot", "robot check",
    "security check", "please wait", "one moment please", "checking your browser", "ddos-guard", "pardon our interruption",
    "request rejected", "request unsuccessful", "verify you are human", "human verification", "captcha", "accès refusé",
    "acceso denegado", "accesso negato", "acesso negado", "zugriff verweigert", "akses ditolak", "アクセスが拒否されました", "访问被拒绝",
    "접근이 거부되었습니다", "安全验证", "nur einen moment", "un instant", "un momento", "um momento", "しばらくお待ちください",
    # errors
    "400 bad request", "bad request", "401 unauthorized", "403", "403 forbidden", "forbidden", "404", "404 error", "error 404",
    "404 not found", "404 page not found", "404 - page not found", "not found", "page not found", "page cannot be found",
    "the page cannot be found", "410 gone", "429 too many requests", "too many requests", "500 internal server error",
    "internal server error", "502 bad gateway", "bad gateway", "503 service unavailable", "503 service temporarily unavailable",
    "service unavailable", "504 gateway time-out", "application error", "server error", "site maintenance", "under maintenance",
    "seite nicht gefunden", "wartungsarbeiten", "page non trouvée", "page introuvable", "página no encontrada",
    "página não encontrada", "pagina non trovata", "halaman tidak ditemukan", "laman tidak ditemui", "ページが見つかりません",
    "お探しのページが見つかりません", "页面不存在", "页面未找到", "找不到網頁", "페이지를 찾을 수 없습니다", "ไม่พบหน้า", "không tìm thấy trang",
    "страница не найдена", "الصفحة غير موجودة",
    # consent and login
    "cookie consent", "cookies", "before you continue", "bevor sie fortfahren", "avant de continuer", "antes de continuar",
    "prima di continuare", "javascript required", "javascript is disabled", "log in", "sign in",
)  # fmt: skip
"""Whole titles, or their part before a site's name; compared without case and closing punctuation."""

OPENINGS = (
    "please enable javascript", "enable javascript", "javascript is disabled", "you need to enable javascript",
    "this site requires javascript", "this website requires javascript", "verify you are human", "please verify you are",
    "checking your browser before", "checking if the site connection is secure", "you don't have permission to access",
    "sorry, you have been blocked", "your request has been blocked", "our systems have detected unusual traffic",
    "please complete the security check", "the requested url was not found on this server", "the requested url was rejected",
    "the page you are looking for", "the page you requested", "we use cookies", "this website uses cookies", "this site uses cookies",
    "by continuing to use this site", "bitte aktivieren sie javascript", "diese website verwendet cookies", "wir verwenden cookies",
    "veuillez activer javascript", "ce site utilise des cookies", "nous utilisons des cookies", "active javascript",
    "por favor, active javascript", "este sitio utiliza cookies", "utilizamos cookies", "questo sito utilizza cookie",
    "abilita javascript", "javascriptを有効にしてください", "请启用javascript", "자바스크립트를 활성화",
)  # fmt: skip
"""What the text of a wall opens with."""

MARKERS = re.compile(
    r"_cf_chl_opt|cf-browser-verification|Incapsula incident ID|awsWafCookieDomainList|gokuProps|captcha-delivery\.com|px-captcha|"
    r"ak_bmsc_challenge|sgcaptcha|data-sitekey=",
)
_TITLES = frozenset(TITLES)
_SUFFIX = re.compile(r"\s+[|·:—–-]\s+.*|\s*[.…!?]+$")


def wall_in(title: str, text: str, markup: str, status: int) -> str:
    """Why this is no article; empty if it may be one. `markup` is the raw page (empty for files)."""
    if status >= 400:
        return f"the office answered {status}"
    if len(text) > SHORT:
        return ""
    named = " ".join(title.lower().split())
    for candidate in (named, _SUFFIX.sub("", named), named.rpartition(" | ")[2], named.rstrip(" .…!?")):
        if candidate in _TITLES:
            return f"the title says “{title[:80]}”"
    opening = " ".join(text[:200].lower().replace("’", "'").split())
    said = next((phrase for phrase in OPENINGS if opening.startswith(phrase)), "")
    if said and len(text) < SHORT // 3:
        return f"the text opens with “{said}”"
    marker = MARKERS.search(markup) if len(text) < SHORT // 5 else None
    return f"a challenge script ({marker[0]})" if marker else ""
