"""Pages read to text: encodings, what is hidden, what cannot be read, and what takes too long."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mem1.http import background
from mem1.http.guarded.errors import PageError
from mem1.tools.web.doubles.site import SiteDouble, page, pdf, site_double
from mem1.tools.web.pages.charset import decode
from mem1.tools.web.pages.config import PagesConfig
from mem1.tools.web.pages.extract import Extractor
from mem1.tools.web.pages.reader import PageReader
from mem1.tools.web.results import Document


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    found = Extractor(seconds=20.0, readers=1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[SiteDouble, PageReader]]:
    with site_double() as site:
        reader = PageReader(PagesConfig(allow=(site.place,), reading=20.0, retries=0, readers=1), clock=lambda: 7.0)
        yield site, reader
        background.wait(reader.close())


def read(world: tuple[SiteDouble, PageReader], path: str) -> Document:
    site, reader = world
    return background.wait(reader.read(site.url(path)))


def test_an_article_is_its_text_and_what_is_hidden_is_not(world: tuple[SiteDouble, PageReader]) -> None:
    found = read(world, "/moved")
    assert (found.title, found.status, found.content_type, found.fetched_at) == ("Peru", 200, "text/html", 7.0)
    assert found.final_url == world[0].url("/peru")
    assert "Its capital is Lima, founded in 1535." in found.text
    assert "unseen" not in found.text
    assert "Cusco" not in found.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/plain", "just text, 1 < 2"),
        ("/pdf", "The capital is Lima."),
        ("/pdf-as-html", "The capital is Lima."),
        ("/cyrillic", "Столица Перу — город Лима, основан испанцами."),
        ("/wrong-charset", "La capitale du Pérou est Lima, dit-on là-bas."),
        ("/utf-7", "café +ADw-answer+AD4-"),
    ],
)
def test_what_pages_are_made_of(world: tuple[SiteDouble, PageReader], path: str, text: str) -> None:
    assert read(world, path).text == text


@pytest.mark.parametrize("path", ["/empty", "/html-as-pdf"])
def test_a_page_without_text_says_so(world: tuple[SiteDouble, PageReader], path: str) -> None:
    with pytest.raises(PageError) as caught:
        read(world, path)
    assert caught.value.reason == "text"


def test_a_long_page_is_read_whole(world: tuple[SiteDouble, PageReader]) -> None:
    text = read(world, "/long").text
    assert all(f"Sentence number {i} of" in text for i in (0, 500, 999))


def test_robots_txt_is_honoured_unless_the_recipe_says_otherwise(world: tuple[SiteDouble, PageReader]) -> None:
    site, _ = world
    with site_double() as strict:
        strict.robots = (200, b"User-agent: *\nDisallow: /peru\n")
        for robots, reason in ((True, "robots"), (False, None)):
            reader = PageReader(PagesConfig(allow=(strict.place,), robots=robots))
            try:
                background.wait(reader.read(strict.url("/peru")))
                said = None
            except PageError as error:
                said = error.reason
            background.wait(reader.close())
            assert said == reason
    assert site.asked


def test_unseen_characters_are_spelled_out(world: tuple[SiteDouble, PageReader]) -> None:
    world[0].pages["/odd"] = page("a\u202eb\x07c\r\nd".encode(), "text/plain")
    assert read(world, "/odd").text == "a[U+202E]b[U+0007]c\nd"


# ---------------------------------------------------------------- hostile pages


@pytest.mark.parametrize("depth", [250, 300, 2000])
def test_a_page_however_deep_is_read(extractor: Extractor, depth: int) -> None:
    text = "<div>" * depth + "<p>Lima is the capital of Peru.</p>" + "</div>" * depth
    assert "Lima is the capital of Peru." in extractor.html(f"<html><body>{text}</body></html>")[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "<",
        "<html>",
        "<!-- -->",
        "<?xml version='1.0' encoding='utf-16'?><html><body><p>text</p></body></html>",
        "<frameset><noframes>x</noframes></frameset>",
        "\x00\x01",
        "<p>" + "&#xD800;" * 10,
        "<title>" + "<" * 1000,
        "&" * 10_000,
        "<svg><title>x</title></svg>",
        "<html hidden><body hidden><p>all hidden</p></body></html>",
        "<body style='display:none'>all hidden</body>",
        "<p style>x</p>",
    ],
)
def test_no_page_is_more_than_unreadable(extractor: Extractor, text: str) -> None:
    try:
        title, found = extractor.html(text)
    except PageError as error:
        assert error.reason == "text"  # noqa: PT017
    else:
        assert isinstance(title, str)
        assert isinstance(found, str)


def test_a_page_that_is_read_for_too_long_is_given_up_and_the_next_is_read() -> None:
    extractor = Extractor(seconds=20.0, readers=1)
    extractor.html("<p>first</p>")  # the libraries are loaded
    extractor._seconds = 0.5
    began = time.monotonic()
    with pytest.raises(PageError) as caught:
        extractor.html("<p " + " ".join(f"a{i}=1" for i in range(60_000)) + ">x</p>" * 3)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 5.0
    extractor._seconds = 20.0
    assert extractor.html("<p>A sentence that is read.</p>")[1] == "A sentence that is read."
    extractor.close()


def test_a_reader_that_dies_is_replaced(extractor: Extractor) -> None:
    extractor.html("<p>first</p>")
    reader = extractor._idle.queue[0]
    assert reader is not None
    reader._process.kill()
    reader._process.wait()
    assert extractor.html("<p>A second sentence is here.</p>")[1] == "A second sentence is here."


def test_no_key_is_around_the_program_that_reads_pages(extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERPER_API_KEY", "sk-secret-0123456789")
    fresh = Extractor(readers=1)
    fresh.html("<p>first</p>")
    reader = fresh._idle.queue[0]
    assert reader is not None
    around = f"/proc/{reader._process.pid}/environ"
    if os.path.exists(around):
        with open(around, "rb") as file:
            assert b"sk-secret" not in file.read()
    fresh.close()


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"%PDF-1.7 nothing", pdf("x")[:200], b"%PDF-" + bytes(1000)])
def test_a_damaged_pdf_says_so(extractor: Extractor, data: bytes) -> None:
    with pytest.raises(PageError) as caught:
        extractor.pdf(data)
    assert caught.value.reason == "text"


def test_of_a_long_pdf_the_first_pages_are_read() -> None:
    import io

    import pypdf

    writer = pypdf.PdfWriter()
    for i in range(5):
        writer.append(io.BytesIO(pdf(f"Page {i}")))
    packed = io.BytesIO()
    writer.write(packed)
    extractor = Extractor(seconds=20.0, pages=2, readers=1)
    assert extractor.pdf(packed.getvalue())[1] == "Page 0\n\nPage 1\n\n[3 more pages were not read]"
    extractor.close()


def test_a_locked_pdf_says_so(extractor: Extractor) -> None:
    import io

    import pypdf

    writer = pypdf.PdfWriter()
    writer.append(io.BytesIO(pdf("secret")))
    writer.encrypt("password", algorithm="RC4-128")
    packed = io.BytesIO()
    writer.write(packed)
    with pytest.raises(PageError, match="password"):
        extractor.pdf(packed.getvalue())


# ---------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("Pérou".encode(), "", "Pérou"),
        (b"\xef\xbb\xbf" + "Pérou".encode(), "text/html; charset=latin-1", "Pérou"),
        ("Pérou".encode("utf-16"), "text/html; charset=utf-8", "Pérou"),
        ("Pérou".encode(), "text/html; charset=latin-1", "Pérou"),  # what is UTF-8 is nothing else by chance
        ("Pérou".encode("latin-1"), "text/html; charset=iso-8859-1", "Pérou"),
        ("Лима столица".encode("cp1251"), 'text/html; charset="windows-1251"', "Лима столица"),
        ("リマは首都".encode("shift_jis"), "text/html; charset=Shift_JIS", "リマは首都"),
        (b'<meta charset="windows-1251">' + "Лима".encode("cp1251"), "", '<meta charset="windows-1251">Лима'),
        (b"\x93Peru\x94", "text/html; charset=iso-8859-1", "“Peru”"),
        (b"caf\xe9 au lait", "text/html; charset=hex", "café au lait"),
        (b"caf\xe9 +ADw-", "text/html; charset=utf-7", "café +ADw-"),
        (b"caf\xe9 au lait", "text/html; charset=\xff\x00", "café au lait"),
        (b"", "", ""),
    ],
)
def test_an_encoding_is_found_in_a_fixed_order(body: bytes, content_type: str, text: str) -> None:
    assert decode(body, content_type) == text


def test_what_is_no_encoding_of_text_is_never_used() -> None:
    for stated in (
        "rot13",
        "base64",
        "zlib",
        "idna",
        "punycode",
        "undefined",
        "unicode_escape",
        "mbcs",
        "x" * 100,
        "'",
    ):
        assert decode(b"caf\xe9 au lait", f"text/html; charset={stated}") == "café au lait"


def test_a_host_that_is_allowed_is_written_with_its_port() -> None:
    for wrong in ("127.0.0.1", "http://127.0.0.1:80", "a b:80", "*:80", "host:"):
        with pytest.raises(ValueError):
            PagesConfig(allow=(wrong,))
    settings: dict[str, Any] = {"agent": "mem1\r\nX: y"}
    with pytest.raises(ValueError):
        PagesConfig(**settings)
    assert PagesConfig(about="+https://example.com").fetch.agent == "mem1 (+https://example.com)"
