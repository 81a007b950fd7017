"""Dependencies are declared once, environment.yml agrees, and what is installed satisfies them."""

import ast
import contextlib
import importlib.util
import io
import itertools
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version


def loaded(path: Path):
    """Return a module that is no package's."""
    spec = importlib.util.spec_from_file_location("loaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, BUILD_SYSTEM = PYPROJECT["project"], PYPROJECT["build-system"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(text) for text in texts] for name, texts in PROJECT["optional-dependencies"].items()}
PRE_COMMIT = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
PYPI_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
}  # of conda-forge's packages that are called otherwise
BUILDING = loaded(ROOT / ".ci" / "minidl_build" / "__init__.py")
IMPORT_NAMES = {"scikit-learn": "sklearn"}
VALIDATING = {"nbval", "pytest", "pytest-xdist"}  # what `pytest --nbval notebooks mkplot.ipynb` needs


def conda_requirements() -> dict[str, SpecifierSet]:
    found = {}
    for item in ENVIRONMENT["dependencies"]:
        if isinstance(item, str):
            name, bounds = re.fullmatch(r"([a-z0-9-]+)(.*)", item).groups()
            found[PYPI_NAMES.get(name, name)] = SpecifierSet(bounds)
    return found


def test_environment_has_the_bounds_of_pyproject_and_what_every_notebook_needs():
    conda = conda_requirements()
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda.pop("pip") == SpecifierSet("")
    validating = [requirement for requirement in EXTRAS["test"] if requirement.name in VALIDATING]
    in_jupyterlab = [requirement for requirement in EXTRAS["lab"] if requirement.name != PROJECT["name"]]
    needed = DEPENDENCIES + in_jupyterlab + EXTRAS["digits"] + validating
    assert conda == {r.name: r.specifier for r in needed}  # of two bounds, JupyterLab's


def test_environment_installs_the_project_itself_from_conda_forge():
    assert ENVIRONMENT["channels"][0] == "conda-forge"
    assert [item for item in ENVIRONMENT["dependencies"] if not isinstance(item, str)] == [{"pip": ["-e ."]}]


OTHERS = ("class", "dev")  # what the tests do without
NEEDED = [*DEPENDENCIES, *itertools.chain(*(texts for name, texts in EXTRAS.items() if name not in OTHERS))]


@pytest.mark.parametrize("requirement", NEEDED, ids=str)
def test_installed_version_is_within_the_bounds(requirement):
    assert requirement.specifier.contains(version(requirement.name), prereleases=True)


@pytest.mark.parametrize(("extra", "brings"), [("test", {"html", "lab"}), ("lab", {"digits"})])
def test_what_an_extra_brings_with_it(extra, brings):
    (itself,) = [requirement for requirement in EXTRAS[extra] if requirement.name == PROJECT["name"]]
    assert itself.extras == brings


def test_a_host_keeps_its_own_jupyter():
    assert not [r.name for r in DEPENDENCIES if r.name.startswith(("jupyter", "notebook", "ipykernel"))]
    (widgets,) = [requirement for requirement in DEPENDENCIES if requirement.name == "ipywidgets"]
    assert widgets.specifier.contains("7.7.1")


def test_torch_has_an_upper_bound():
    (torch,) = [requirement for requirement in DEPENDENCIES if requirement.name == "torch"]
    assert any(bound.operator in ("<", "<=", "==", "~=") for bound in torch.specifier)


def test_the_oldest_environment_has_every_lower_bound_but_that_of_torch():
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "oldest"], capture_output=True, text=True, check=True
    ).stdout
    oldest = [(r.name, bound.version) for r in NEEDED for bound in r.specifier if bound.operator == ">="]
    bounds = dict(sorted(oldest, key=lambda bound: Version(bound[1])))  # the highest of each name
    assert bounds.pop("torch")
    assert bounds.keys() == {r.name for r in NEEDED} - {"torch", PROJECT["name"]}
    assert sorted(printed.splitlines()) == sorted(f"{name}=={oldest}" for name, oldest in bounds.items())


def test_what_builds_the_project_is_what_the_tests_build_it_with():
    (setuptools,) = [requirement for requirement in EXTRAS["test"] if requirement.name == "setuptools"]
    assert [str(setuptools)] == BUILDING.get_requires_for_build_wheel()
    assert BUILD_SYSTEM["requires"] == []  # nothing is downloaded before Python has been looked at


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 9, 0), (3, 10, 13), (2, 7, 18)])
@pytest.mark.parametrize("what", ["wheel", "editable", "sdist"])
def test_an_unfit_python_is_refused_in_one_sentence_before_anything_is_downloaded(what, version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as end:
        getattr(BUILDING, f"get_requires_for_build_{what}")()
    this = f"{version[0]}.{version[1]}"
    assert end.value.code == f"minidl needs Python 3.11 or newer, and this is Python {this}."


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2), (4, 0, 0)])
def test_a_fit_python_is_not_refused(version, monkeypatch):
    monkeypatch.setattr(sys, "version_info", version)
    BUILDING.refuse_unfit_python()


def test_old_versions_of_python_can_read_what_refuses_them():
    source = (ROOT / ".ci" / "minidl_build" / "__init__.py").read_text()
    assert ast.parse(source, feature_version=(3, 4))
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)]


def test_ruff_before_a_commit_is_the_ruff_of_the_tests():
    (ruff,) = [requirement for requirement in EXTRAS["test"] if requirement.name == "ruff"]
    hooks = [hook for repository in PRE_COMMIT["repos"] for hook in repository["hooks"] if "ruff" in hook["entry"]]
    assert len(hooks) == 2
    for hook in hooks:
        assert [Requirement(text) for text in hook["additional_dependencies"]] == [ruff]


def imports_of_file(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names


def imports_of(folder: Path) -> set[str]:
    names = set().union(*map(imports_of_file, folder.rglob("*.py")))
    return names - set(sys.stdlib_module_names) - {"minidl"}


def test_every_import_of_the_package_is_declared():
    declared = {IMPORT_NAMES.get(requirement.name, requirement.name) for requirement in DEPENDENCIES + EXTRAS["digits"]}
    declared |= {IMPORT_NAMES.get(requirement.name, requirement.name) for requirement in EXTRAS["html"]}
    comes_with_others = {"numpy", "PIL", "IPython", "pygments", "contourpy"}
    assert imports_of(ROOT / "minidl") <= declared | comes_with_others


def test_only_the_digits_need_the_extra():
    optional = {IMPORT_NAMES[requirement.name] for requirement in EXTRAS["digits"]}
    needing = {path.name for path in (ROOT / "minidl").rglob("*.py") if imports_of_file(path) & optional}
    assert needing == {"digits.py"}


def test_the_version_is_said_once_and_the_same_everywhere():
    import minidl

    assert PROJECT["dynamic"] == ["version"]
    assert minidl.__version__ == version("minidl")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == minidl.__version__
    newest, _, date = re.search(r"^## (\S+)( \((.+)\))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE).groups()
    assert newest == minidl.__version__
    assert date == str(yaml.safe_load((ROOT / "CITATION.cff").read_text())["date-released"])


def test_top_level_holds_what_the_design_says():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:  # an unpacked archive
        names = {path.name for path in ROOT.iterdir() if (ROOT / path).is_file()}
    else:
        names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    allowed = {
        "README.md",
        "environment.yml",
        "pyproject.toml",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "mkplot.ipynb",
        "minidl",
        "notebooks",
        "tests",
    }
    assert {name for name in names if not name.startswith(".")} <= allowed


README = (ROOT / "README.md").read_text(encoding="utf-8")


def readme_command(name: str) -> list[str]:
    (lines,) = re.findall(rf"<!-- {name} command -->\n```sh\n((?:.*\n)+?)```", README)
    return lines.splitlines()


def test_readme_starts_in_three_lines_that_are_seen_as_a_whole():
    venv, install, start = lines = readme_command("start")
    assert max(map(len, lines)) <= 85
    assert venv == "python3 -m venv .venv"
    assert install.startswith(".venv/bin/python -m pip install ")
    assert start == ".venv/bin/minidl start"


def test_readme_tests_in_one_line():
    (line,) = readme_command("test")
    assert "-m venv" in line
    assert '".[test]"' in line
    assert line.endswith("pytest")


def test_readme_is_short():
    seen = re.sub(r"<!--.*?-->|(?<=\])\([^)]*\)|[|:-]{3,}|\|", " ", README)  # without addresses, and what draws tables
    assert len(seen.split()) <= 400
    pictures = re.findall(r"!\[[^]]*\]\((.*?)\)", README)
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size < 150_000 for picture in pictures)


def test_readme_promises_the_minutes_of_the_map():
    rows = r"\[\d\d [^]]*\]\((?:notebooks/)?(\d\d_\w+)\.ipynb\) \|(?:[^|]*[a-z][^|]*\|)? (\d+) "
    start = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))
    text = "\n".join("".join(cell["source"]) for cell in start["cells"])
    said = dict(re.findall(rows, README))
    assert said.items() >= dict(re.findall(rows, text)).items()
    assert said["00_start_here"] == re.search(r"\*\*Time\*\*: (\d+) minutes", text)[1]
    assert len(said) == len(list((ROOT / "notebooks").glob("*.ipynb")))


def test_readme_quotes_the_doctor():
    (code,) = re.findall(r"(?s)<!-- doctor -->\n```python\n(.*?)```", README)
    quoted = " ".join(re.search(r"(?m)(^> .*\n)+", README)[0].replace("> ", "").replace("**", "").split())
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(code, {})
    assert f"1. {quoted}\n" in said.getvalue()


@pytest.mark.parametrize("tool", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_has_nothing_to_say(tool):
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *tool, "--no-cache", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
