import pytest
from days_rest import spent_on_visits
from visiting import CHROMIUM, Visit, chromium, jupyterlab, unavailable


@pytest.hookimpl(trylast=True)  # when -k has left out what it leaves out
def pytest_collection_modifyitems(config, items):
    """Let a student's day be spent once: where a notebook is visited with a browser, the visit has the day as well.

    It also compares all outputs with the stored ones. The day in a kernel without a JupyterLab, in test_students.py, and
    nbval's run of the notebook are for where there is no browser, and for a run of the tests without this folder, which
    does not come by here.
    """
    if spent := spent_on_visits(items) if chromium() else []:
        items[:] = [item for item in items if item not in spent]
        config.hook.pytest_deselected(items=spent)


@pytest.fixture(scope="module")
def browser():
    """Return a browser that is closed after the module: other tests may want an event loop of their own."""
    if not chromium():
        unavailable()
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM) as browser,
    ):
        yield browser


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Return a JupyterLab that shows a copy of the project; one serves for all visits of a worker."""
    if not chromium():
        unavailable()
    with jupyterlab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def visit(browser, lab):
    """Return a function that visits a notebook, named from the project's folder, and returns the evidence.

    JupyterLab takes its time to load: one page serves for all visits until one was not left as it was found.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, service_workers="block")

    def visit(notebook: str, limit: float = 300, patience: float = 10, solutions: list | None = None, stored=()):
        page, is_as_it_was = context.pages[0] if context.pages else context.new_page(), False
        try:
            evidence = Visit(page, lab, notebook, limit, patience, solutions, stored).pay()
            is_as_it_was = evidence.faults["opening"] == [] and page.evaluate("looking.isLab()")
        finally:
            if not is_as_it_was:
                page.close()
        return evidence

    yield visit
    context.close()
