"""Each audience's whole day in the running demo, with real servers and workers, in each language."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import LANGUAGES, Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.lab]

PATIENCE_MS = 60_000  # a look, or a publish, of real workers
# What each language's walk does on its own, so that no walk finds the other one's work done.
NEWCOMER = {"en": ("Rowan Works", "rowan.example"), "de": ("Sorrel Works", "sorrel.example")}
WIDENED = {"en": "kelp.example", "de": "jade.example"}
DIGEST = {"en": "3D", "de": "4E"}
ADD, APPROVE, PUBLISH = "#fields .btn-primary", "button[value=approve]", "button[value=publish]"


def cut(page: Page, demo: Demo) -> str:
    """Cut a candidate of what is drafted and return its address."""
    page.goto(f"{demo.url}/releases/")
    page.click("form[action='/releases/cut/'] .btn-primary")
    page.wait_for_url(re.compile(r"/candidates/\d+/$"))
    return page.url


@pytest.mark.parametrize("language", LANGUAGES)
def test_mail_team(
    demo: Demo, language: str, complaints: list[str], tmp_path: Path, axe: Callable[[Page], None]
) -> None:
    """A partner is looked at, added and cut; the author cannot approve what weakens, a second person can; it is out."""
    name, key = NEWCOMER[language]
    with demo.seen_by("eda", complaints, language) as eda, demo.seen_by("ben", complaints, language) as ben:
        eda.goto(f"{demo.url}/today/")
        expect(eda.locator("html")).to_have_attribute("lang", language)
        eda.click(".acts a[href='/partners/add/'], .pagehead a[href='/partners/add/']")
        eda.fill("#nexthop", key)
        eda.locator("#nexthop").press("Enter")
        expect(eda.locator(".advice")).to_be_visible(timeout=PATIENCE_MS)
        eda.fill("input[name=name]", name)
        expect(eda.locator("#whatif .mapline")).to_contain_text(key)
        axe(eda)
        eda.click(ADD)
        eda.wait_for_url(re.compile(r"/partners/\d+/$"))
        eda.goto(f"{demo.url}/partners/?q={WIDENED[language]}")
        eda.click("tbody a")
        eda.click("a[href$='/edit/']")
        eda.fill("textarea[name=match]", "mx.cloudmail.example\n.cloudmail.example")
        eda.click(ADD)
        eda.wait_for_url(re.compile(r"/partners/\d+/$"))
        candidate = cut(eda, demo)
        expect(eda.locator(".difftext").first).to_be_visible()
        assert eda.locator(APPROVE).count() == 0
        assert eda.locator(PUBLISH).count() == 0

        ben.goto(candidate)
        axe(ben)
        ben.fill("#word", "seen on the telephone")
        if ben.locator("#stops").count():
            ben.check("#stops")
        ben.click(APPROVE)
        expect(ben.locator(PUBLISH)).to_be_visible()

        eda.goto(candidate)
        eda.click(PUBLISH)
        eda.wait_for_url(re.compile(r"/releases/(\d+/)?$"), timeout=PATIENCE_MS)
        eda.goto(f"{demo.url}/export/")
        with eda.expect_download() as download:
            eda.click("a[href$='/download/']")
        download.value.save_as(tmp_path / "tls_policy")
    assert f"\n{key}\t" in f"\n{(tmp_path / 'tls_policy').read_text()}"
    assert complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_partner(demo: Demo, language: str, complaints: list[str], axe: Callable[[Page], None]) -> None:
    """A fingerprint is sent, and the partner told to wait; who invited the contact can approve neither it nor its map."""
    digest = ":".join([DIGEST[language]] * 32)
    with demo.seen_by("pia", complaints, language) as pia:
        pia.goto(f"{demo.url}/portal/")
        pia.click("details.pasted summary")
        pia.fill("textarea[name=pasted]", digest)
        pia.click("form[action$='/upload/'] .btn-primary")
        expect(pia.locator("form[action$='/submit/']")).to_be_visible()
        axe(pia)
        pia.click("form[action$='/submit/'] .btn-primary")
        pia.wait_for_url(re.compile(r"/portal/"))
        expect(pia.locator(".safe")).to_have_attribute("data-state", re.compile("pend|bad|weak|risk"))
        with demo.seen_by("anna", complaints, language) as anna:
            anna.goto(f"{demo.url}/approvals/")
            theirs = anna.locator("section.panel", has_text=digest)
            theirs.locator("input[name=word]").fill("I invited her")
            theirs.locator(APPROVE).click()
            anna.goto(f"{demo.url}/approvals/")
            expect(anna.locator("section.panel", has_text=digest)).to_be_visible()
        with demo.seen_by("ben", complaints, language) as ben:
            ben.goto(f"{demo.url}/approvals/")
            theirs = ben.locator("section.panel", has_text=digest)
            theirs.locator("input[name=word]").fill("read to me by telephone")
            theirs.locator(APPROVE).click()
        with demo.seen_by("eda", complaints, language) as eda:
            candidate = cut(eda, demo)
        with demo.seen_by("anna", complaints, language) as anna:
            anna.goto(candidate)
            expect(anna.locator(".difftext").first).to_be_visible()
            assert anna.locator(APPROVE).count() == 0
        with demo.seen_by("ben", complaints, language) as ben:
            ben.goto(candidate)
            ben.fill("#word", "compared")
            if ben.locator("#stops").count():
                ben.check("#stops")
            ben.click(APPROVE)
            ben.click(PUBLISH)
            ben.wait_for_url(re.compile(r"/releases/(\d+/)?$"), timeout=PATIENCE_MS)
        pia.goto(f"{demo.url}/portal/")
        expect(pia.locator(".safe")).to_be_visible()
        pia.click("main details.more summary")
        expect(pia.locator(".mapline").first).to_contain_text(digest[:11])
    assert complaints == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_management(demo: Demo, language: str, complaints: list[str], axe: Callable[[Page], None]) -> None:
    """Numbers are read, followed to the rows they counted, printed, and taken along as a sheet; nothing can be written."""
    with demo.seen_by("mara", complaints, language) as page:
        page.goto(f"{demo.url}/compliance/")
        axe(page)
        links = page.locator("main a[href*='state=violated']").all()
        number = next(int(hit[0]) for link in links if (hit := re.search(r"\d+", link.inner_text())))
        links[0].click()
        expect(page.locator("#agreements tbody tr")).to_have_count(number)
        page.emulate_media(media="print")
        expect(page.locator(".noprint:visible")).to_have_count(0)
        page.emulate_media(media="screen")
        with page.expect_download() as download:
            page.click("a[href$='table.csv']")
        rows = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
        for path in ("/partners/add/", "/approvals/", "/portal/"):
            answer = page.goto(demo.url + path)
            assert answer is not None
            assert answer.status in {403, 404}, path
    assert len(rows) > 17
    assert complaints == []
