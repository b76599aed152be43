"""The book on paper: all chapters, right page numbers, links that work, nothing cut off."""

import re
import subprocess
import sys
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import yaml
from bs4 import BeautifulSoup

from unrolled.explorables import LSTMGates

ROOT = Path(__file__).resolve().parents[1]


def command(site: Path, target: Path, *pages: str) -> list[str]:
    return [
        sys.executable,
        str(ROOT / "tools/pdf"),
        "--site",
        str(site),
        "--to",
        str(target),
        *pages,
    ]


def squeezed(text: str) -> str:
    """Text without spaces, hyphens and the breaks of lines."""
    return re.sub(r"[\s\u00ad\ufffe\u0002-]+", "", text)


@pytest.fixture(scope="module")
def printed(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pdf") / "unrolled.pdf"
    done = subprocess.run(command(site, target), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def texts(printed: Path) -> list[str]:
    document = pypdfium2.PdfDocument(printed)
    return [page.get_textpage().get_text_range() for page in document]


def links(pdf: pikepdf.Pdf):
    for number, page in enumerate(pdf.pages, start=1):
        for note in page.get("/Annots", []):
            if note.get("/Subtype") == "/Link":
                yield number, note


def test_texts_of_pictures_keep_size_and_slant_in_the_book_s_fonts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools/pdf"))
    from assemble import inline_svg

    still, _ = LSTMGates(preset="remember").picture()
    image = BeautifulSoup('<img alt="gates" style="width: 720px">', "html.parser").img
    styled = inline_svg(still, image, "picture-1")
    style = str(styled)
    assert ".m{font:italic 21px var(--serif)}" in style
    assert "text{font:13px var(--sans);" in style
    attributes = '<svg width="9"><text font-family="\'STIX Two Text\',Georgia,serif">c</text></svg>'
    assert inline_svg(attributes, image, "picture-2").find("text")["font-family"] == "var(--serif)"


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("pdf")
def test_every_chapter_is_there_in_order_and_where_the_contents_say(printed, texts):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    with pikepdf.open(printed) as pdf:
        numbers = {page.objgen: k for k, page in enumerate(pdf.pages, start=1)}
        with pdf.open_outline() as outline:
            parts = [item.title for item in outline.root]
            chapters = [
                (chapter.title, numbers[chapter.destination[0].objgen])
                for part in outline.root
                for chapter in part.children
                if part.title in {entry["caption"] for entry in toc["parts"]}
            ]
    assert parts[:2] == ["Contents", "Introduction"]
    assert parts[2:] == [part["caption"] for part in toc["parts"]]
    left_out = {"book/checks", *(f"book/assignments/{n}" for n in ("lstm", "gru", "gates"))}
    listed = [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert len(chapters) == len([name for name in listed if name not in left_out])
    first = min(page for _, page in chapters)
    contents = squeezed("".join(texts[2 : first - 1]))
    places = [page for _, page in chapters]
    assert places == sorted(set(places)), "each begins a page of its own"
    for title, page in chapters:
        title = re.sub(r"^\d+ ", "", title)
        assert squeezed(title) in squeezed(texts[page - 1])
        assert re.search(re.escape(squeezed(title)) + rf"\.*{page}(?!\d)", contents), title


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("pdf")
def test_links_lead_somewhere_and_no_page_is_empty(printed, texts):
    assert len(texts) > 200
    assert all(text.strip() for text in texts)
    with pikepdf.open(printed) as pdf:
        places = set(map(str, pdf.Root.Dests.keys()))
        inside = outside = 0
        for page, note in links(pdf):
            if "/Dest" in note:
                assert str(note.Dest) in places or isinstance(note.Dest, pikepdf.Array), page
                inside += 1
            else:
                assert re.match(r"https://|mailto:", str(note.A.URI)), page
                outside += 1
    assert inside > 1000
    assert outside > 20


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("pdf")
def test_it_says_what_it_is_and_is_tagged(printed):
    with pikepdf.open(printed) as pdf:
        assert str(pdf.docinfo["/Title"]).startswith("Unrolled: an interactive textbook")
        assert str(pdf.docinfo["/Author"]) == "The Unrolled authors"
        assert str(pdf.Root.Lang) == "en"
        assert pdf.Root.MarkInfo.Marked
        assert pdf.Root.StructTreeRoot.K is not None
        fonts = {
            name: font
            for page in pdf.pages
            for name, font in page.get("/Resources", {}).get("/Font", {}).items()
        }
        for font in fonts.values():
            below = font.DescendantFonts[0] if "/DescendantFonts" in font else font
            if str(font.Subtype) != "/Type3":
                kinds = {"/FontFile", "/FontFile2", "/FontFile3"} & set(below.FontDescriptor.keys())
                assert kinds, font.BaseFont


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.xdist_group("pdf")
def test_nothing_is_cut_off_and_questions_have_answers(printed, texts):
    document = pypdfium2.PdfDocument(printed)
    for number, page in enumerate(document, start=1):
        width, _ = page.get_size()
        words = page.get_textpage()
        for k in range(words.count_rects()):
            left, _, right, _ = words.get_rect(k)
            assert 0 <= left <= right <= width - 20, f"page {number}"
    text = squeezed("".join(texts))
    assert text.count(squeezed("Answers at the end of the chapter")) == 10
    assert text.count(squeezed("This picture is alive")) >= 16


def test_what_is_missing_is_said(tmp_path):
    done = subprocess.run(command(tmp_path, tmp_path / "x.pdf"), capture_output=True, text=True)
    assert done.returncode == 1
    assert "build it first (make book)" in done.stderr
    done = subprocess.run(
        command(tmp_path, tmp_path / "x.pdf", "book/nothing"), capture_output=True, text=True
    )
    assert done.returncode == 1
