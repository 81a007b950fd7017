import pytest
from visiting import CHROMIUM, Visit, chromium, jupyterlab, unavailable


@pytest.fixture(scope="module")
def browser():
    """Return a browser that is closed after the module: other tests may want an event loop of their own."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable()
    with sync_playwright() as playwright:
        path = chromium(playwright)
        if not path:
            unavailable()
        with playwright.chromium.launch(executable_path=path, args=CHROMIUM) as browser:
            yield browser


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """Return a JupyterLab that shows a copy of the project."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def visit(browser, lab):
    """Return a function that visits a notebook, named from the project's folder, and returns the evidence.

    JupyterLab takes its time to load: one page serves for all visits until one has found a fault.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, service_workers="block")

    def visit(notebook: str, limit: float = 300, patience: float = 10):
        page = context.pages[0] if context.pages else context.new_page()
        evidence = Visit(page, lab, notebook, limit, patience).pay()
        if any(evidence.faults.values()):
            page.close()
        return evidence

    yield visit
    context.close()
