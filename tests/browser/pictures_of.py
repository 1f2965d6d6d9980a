"""Which pages are taken: by audience of the demo, picture by picture; and what must be done to reach some of them."""

from collections.abc import Callable

from playwright.sync_api import Page

__all__ = ["PAGES", "PREPARED"]

PAGES: dict[str, dict[str, str]] = {
    "anna": {
        "today": "/today/",
        "partners": "/partners/",
        "partners-filtered": "/partners/?state=violated",
        "partners-nothing": "/partners/?q=nobody-has-this",
        "partners-columns": "/partners/?cols=level,seen",
        "partners-views": "/partners/views/",
        "partners-view-save": "/partners/views/save/?state=violated&sort=name",
        "bulk-none": "/partners/bulk/?act=probe",
        "bulk-tags": "/partners/bulk/?act=tags&all=1&add=bank",
        "bulk-level": "/partners/bulk/?act=level&all=1&to=secure",
        **{f"partner-{number:02}": f"/partners/{number}/" for number in range(1, 18)},
        "add": "/partners/add/",
        "add-fields": "/partners/add/?fields=1",
        "add-proposal": "",
        "edit": "/partners/4/edit/",
        "edit-refused": "",
        "lower": "/partners/1/lower/",
        "remove": "/partners/1/remove/",
        "invite": "/partners/2/invite/",
        "partner-notices": "/partners/2/notices/",
        "approvals": "/approvals/",
        "releases": "/releases/",
        "release": "/releases/3/",
        "release-first": "/releases/1/",
        "compare": "/releases/compare/?old=1&new=4",
        "candidate": "/candidates/5/",
        "export": "/export/",
        "relays": "/relays/",
        "certificates": "/certificates/",
        "alerts": "/alerts/",
        "watch": "/watch/",
        "servers": "/servers/",
        "server": "",
        "providers": "/servers/providers/",
        "audit": "/audit/",
        "settings": "/settings/",
        "settings-group": "/settings/groups/main/",
        "settings-new-group": "/settings/new-group/",
        "settings-notices": "/settings/notices/",
        "settings-vantages": "/settings/vantages/",
        "settings-ours": "/settings/our-certificates/",
        "wall-list": "/compliance/screens/",
        "wall": "",
        "password": "/accounts/password/change/",
        "second-factor": "/accounts/2fa/",
        "kit": "/kit/",
        "missing": "/partners/99999/",
    },
    "eda": {
        "today": "/today/",
        "candidate": "/candidates/5/",
        "approvals": "/approvals/",
        "refused": "/settings/new-group/",
    },
    "mara": {
        "compliance": "/compliance/",
        "compliance-within": "/compliance/?within=30",
        "partners": "/partners/",
        "partner": "/partners/3/",
        "refused": "/partners/add/",
    },
    "pia": {
        "home": "/portal/",
        "help": "/portal/help/",
        "ours": "/portal/ours/",
        "upload-preview": "",
        "upload-refused": "",
        "missing": "/partners/",
    },
    "nobody": {
        "sign-in": "/accounts/login/",
        "password-reset": "/accounts/password/reset/",
        "invitation-gone": "/invitations/no-such-token/",
        "missing": "/no/such/page/",
        "too-large": "",
    },
    "first": {
        "today": "/today/",
        "partners": "/partners/",
        "approvals": "/approvals/",
        "releases": "/releases/",
        "relays": "/relays/",
        "export": "/export/",
        "certificates": "/certificates/",
        "alerts": "/alerts/",
        "watch": "/watch/",
        "servers": "/servers/",
        "providers": "/servers/providers/",
        "audit": "/audit/",
        "compliance": "/compliance/",
        "settings": "/settings/",
    },
}


def _upload(page: Page, url: str, text: bytes) -> None:
    page.goto(f"{url}/portal/")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "mail.pem", "mimeType": "application/x-pem-file", "buffer": text}
    )
    page.locator("form[action$='/upload/'] .btn-primary").first.click()
    page.wait_for_load_state("networkidle")


def _preview(page: Page, url: str) -> None:
    """Hand in the house's own example certificate, as far as the facts that are shown before it is sent."""
    page.goto(f"{url}/portal/ours/")
    links = page.locator("a[href$='.pem']")
    text = page.request.get(url + str(links.first.get_attribute("href"))).body() if links.count() else b"nothing"
    _upload(page, url, text)


def _refused(page: Page, url: str) -> None:
    _upload(page, url, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


def _proposal(page: Page, url: str) -> None:
    page.goto(f"{url}/partners/add/")
    page.fill("#nexthop", "mx.cloudmail.example")
    page.locator("main form .btn-primary").first.click()
    page.wait_for_timeout(8000)
    page.wait_for_load_state("networkidle")


def _edit_refused(page: Page, url: str) -> None:
    page.goto(f"{url}/partners/4/edit/")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.fill("[name=protocols]", "!SSLv2,!SSLv3")
    page.locator("main form .btn-primary").last.click()
    page.wait_for_load_state("networkidle")


def _too_large(page: Page, url: str) -> None:
    page.goto(f"{url}/accounts/login/")
    page.evaluate(
        "() => { const field = document.querySelector('#id_login'); field.type = 'text';"
        " field.value = 'x'.repeat(2_000_000); field.form.noValidate = true; field.form.submit(); }"
    )
    page.wait_for_load_state("networkidle")


def _server(page: Page, url: str) -> None:
    """Follow the first row of the servers."""
    page.goto(f"{url}/servers/")
    page.locator("tbody a.name").first.click()
    page.wait_for_load_state("networkidle")


def _wall(page: Page, url: str) -> None:
    page.goto(f"{url}/compliance/screens/")
    page.fill("#label", "picture")
    page.check("[name=names]")
    page.locator("form[action$='/make/'] .btn-primary").click()
    page.goto(url + "/wall/" + page.locator("#made-link").inner_text().rstrip("/").rsplit("/", 1)[1] + "/")


PREPARED: dict[str, Callable[[Page, str], None]] = {
    "upload-preview": _preview,
    "upload-refused": _refused,
    "add-proposal": _proposal,
    "edit-refused": _edit_refused,
    "too-large": _too_large,
    "wall": _wall,
    "server": _server,
}
