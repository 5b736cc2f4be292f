"""What pip builds and installs: a wheel with every file that is read at run time, extras that say what they bring."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipelines.__main__ import _EXTRA, main
from tests.dist import ROOT, build, installed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = {"torch", "transformers", "ray", "pyarrow", "pandas", "matplotlib"}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel and the sdist."""
    return build(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist"))


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_what_they_read(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"recsys", "pipelines", "serving"}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", ".typed", ".yaml", ".html", ".css", ".js"} or path.match("dashboards/*.json")
    }
    assert wanted <= names, sorted(wanted - names)
    others = {name for name in names - wanted if ".dist-info/" not in name}
    assert all(name.startswith(("recsys/", "serving/", "pipelines/")) for name in others)
    assert not {name for name in others if name.endswith((".pyc", ".parquet", ".npy", ".safetensors", ".onnx"))}


@pytest.mark.slow
def test_the_wheel_runs_where_nothing_else_of_the_project_is(built, tmp_path):
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(tmp_path / "site")
        (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        assert "recsys = pipelines.__main__:main" in wheel.read(points).decode()
    code = "import sys; sys.argv[1:] = ['--version']\nfrom pipelines import __main__ as m\nprint(m.__file__)\nm.main()"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{tmp_path}/site/pipelines/__main__.py", f"recsys {PROJECT['version']}"]


@pytest.mark.slow
def test_the_sdist_makes_the_same_wheel(built, tmp_path):
    wheel, sdist = built
    again = made_of(sdist, tmp_path)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        assert [name for name in one.namelist() if one.read(name) != other.read(name)] == []


@pytest.mark.slow
def test_the_sdist_installs_and_its_command_runs(built, tmp_path):
    """In an environment of its own that borrows only the dependencies."""
    wheel = made_of(built[1], tmp_path)
    environment = tmp_path / "environment"
    site = installed(environment, "--no-index", "--no-deps", wheel)
    (site / "borrowed.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    command, outside = environment / "bin/recsys", {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([command, "--version"], cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"recsys {PROJECT['version']}\n"), done.stderr
    code = [environment / "bin/python", "-c", "import recsys, serving; print(recsys.__file__, serving.__file__)"]
    done = subprocess.run(code, cwd=tmp_path, env=outside, capture_output=True, text=True)
    assert done.stdout == f"{site}/recsys/__init__.py {site}/serving/__init__.py\n", done.stderr


def made_of(sdist: Path, folder: Path) -> Path:
    """The wheel that an unpacked sdist makes."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    assert {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"} <= {path.name for path in source.iterdir()}
    code = f"import setuptools.build_meta as backend; backend.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_installation_that_serves_has_nothing_that_only_trains():
    named = {Requirement(text).name for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["serve"])}
    assert not named & HEAVY


def test_each_missing_package_is_in_the_extra_that_is_named():
    for package, extra in _EXTRA.items():
        brought = {Requirement(text).name.lower() for text in PROJECT["optional-dependencies"][extra]}
        assert {"mlflow": "mlflow-skinny"}.get(package, package.lower()) in brought | {"pyarrow"}  # with ray[train]


def test_what_tests_are_left_out_without_is_installed_for_development():
    dev = {Requirement(text).name for text in PROJECT["optional-dependencies"]["dev"]}
    assert {Requirement(text).name for text in PROJECT["optional-dependencies"]["tracking"]} <= dev


@pytest.mark.parametrize(
    ("package", "extra"), [("uvicorn", "serve"), ("torch", "train"), ("redis", "redis"), ("mlflow", "tracking")]
)
def test_a_missing_package_is_a_sentence_with_its_extra(package, extra, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("pipelines.__main__.app", lambda: __import__(package))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"recsys: Expected {package} to be installed for this, found it missing; "
        f"pip install 'recsys[{extra}]' brings it.\n"
    )


def test_a_missing_module_of_our_own_is_no_sentence(monkeypatch):
    monkeypatch.setattr("pipelines.__main__.app", lambda: __import__("recsys_nowhere"))
    with pytest.raises(ModuleNotFoundError, match="recsys_nowhere"):
        main()
