"""make offline: a zip of the site that works from the folder it is unzipped into."""

import importlib.util
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).parents[1]

spec = importlib.util.spec_from_file_location("offline", ROOT / "tools" / "offline.py")
offline = importlib.util.module_from_spec(spec)
spec.loader.exec_module(offline)


@pytest.mark.browser
def test_the_unzipped_site_works_and_packs_to_the_same_bytes(
    site: Path, tmp_path: Path, browser: Browser
) -> None:
    first, again = tmp_path / "unrolled-1.zip", tmp_path / "again" / "unrolled-1.zip"
    again.parent.mkdir()
    assert offline.pack(site, first) == sum(path.is_file() for path in site.rglob("*"))
    with ZipFile(first) as packed:
        packed.extractall(tmp_path)
    # From the unzipped folder, whose files are younger: neither times nor places are in it.
    offline.pack(tmp_path / "unrolled-1", again)
    assert first.read_bytes() == again.read_bytes()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    trouble: list[str] = []
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    for name in ("index.html", "book/gates/lstm.html"):
        page.goto((tmp_path / "unrolled-1" / name).as_uri())
        page.wait_for_load_state("networkidle")
    slider = page.locator("[data-explorable=lstm-gates] [role=slider][data-row=forget]").first
    page.locator("[data-explorable=lstm-gates]").first.scroll_into_view_if_needed()
    before = slider.get_attribute("aria-valuenow") or ""
    slider.focus()
    page.keyboard.press("ArrowDown")
    expect(slider).not_to_have_attribute("aria-valuenow", before)  # drawn with the next frame
    assert trouble == []
    page.close()
