"""A person with a real browser: the three UIs open over trusted HTTPS, an order is placed in the shop and seen in the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Remote
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.browsers import artefacts, browser
from tests.e2e.outside import Outside

WAIT_SECONDS = 20


@pytest.fixture(scope="module")
def page(outside: Outside) -> Iterator[Remote]:
    with browser(outside.root, str(outside.estate.file.loopback)) as driver:
        yield driver


def wait(page: Remote, css: str) -> None:
    """Wait until the page shows what a CSS selector finds."""
    WebDriverWait(page, WAIT_SECONDS).until(lambda shown: shown.find_element(By.CSS_SELECTOR, css).is_displayed())


def keep(page: Remote, name: str) -> None:
    """Keep a picture of what the browser shows."""
    page.save_screenshot(str(artefacts() / f"{name}.png"))


@pytest.mark.parametrize(("ui", "heading"), [("shop", "main"), ("dashboard", "main"), ("operator", "main")])
def test_each_ui_opens_without_a_warning(page: Remote, ui: str, heading: str) -> None:
    page.get(f"https://{ui}.highstreet.localhost/")
    wait(page, heading)
    keep(page, ui)
    assert page.execute_script("return window.isSecureContext && location.protocol") == "https:"
    failed = "return performance.getEntriesByType('resource').filter((part) => part.responseStatus >= 400).map((part) => part.name)"
    assert page.execute_script(failed) == []


def test_an_order_placed_in_the_shop_is_seen_in_the_dashboard(page: Remote) -> None:
    page.get("https://shop.highstreet.localhost/")
    wait(page, "ul.products button")
    page.find_element(By.CSS_SELECTOR, "ul.products button").click()
    fields = page.find_elements(By.CSS_SELECTOR, "section.basket input")
    for field, value in zip(fields, ("Ada", "ada@example.com"), strict=True):
        field.send_keys(value)
    page.find_element(
        By.CSS_SELECTOR,
        "section.basket form button[type=submit], section.basket button.first, section.basket form button:not([type=button])",
    ).click()
    wait(page, "[data-testid=confirmation]")
    keep(page, "order-placed")
    order = page.find_element(By.CSS_SELECTOR, "[data-testid=confirmation] code").text
    page.get("https://dashboard.highstreet.localhost/")
    WebDriverWait(page, WAIT_SECONDS).until(lambda shown: order[:8] in shown.page_source)
    keep(page, "order-seen")


def test_a_websocket_passes_the_ingress_controller_and_the_ui(page: Remote) -> None:
    page.get("https://operator.highstreet.localhost/")
    script = """
        const done = arguments[0], socket = new WebSocket('wss://operator.highstreet.localhost/api/orders/live');
        socket.onmessage = (first) => { socket.onmessage = (second) => done([first.data, second.data]); socket.send('echo'); };
        socket.onerror = () => done(['failed']);
        setTimeout(() => done(['silent']), 10000);
    """
    page.set_script_timeout(WAIT_SECONDS)
    said = page.execute_async_script(script)
    assert '"context":"orders"' in said[0].replace(" ", "")
    assert said[1] == "echo"
