"""What a run has published, told to MLflow: settings, figures, pages, and the bundle as a version of a model.

Off unless tracking.uri is set, and mlflow is loaded only then. A run is complete without it: whatever goes wrong here
is a warning, and the same command makes up for it. What MLflow holds is a copy; the manifests beside the artifacts are
there in any case.
"""

import contextlib
import importlib.util
import json
import math
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipelines.console import err, warn
from pipelines.report import page
from pipelines.run_directory import RUN_FILE, RunDirectory
from pipelines.stages import BUNDLE, CURRENT
from recsys.artifacts import MANIFEST, read_manifest
from recsys.data.config import SQLITE, TrackingConfig
from recsys.evaluation.cards import DATA_CARD, MODEL_CARD
from recsys.evaluation.results import METRICS, Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.settings import Settings

SHA256 = "sha256"
"""The tag of a version and of its run that holds the bundle's digest."""

_ALWAYS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is data
}
_OTHERWISE = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # of 7, with which a server that is away is waited for over minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""What holds where the environment says nothing else."""

_AT_ONCE = 100
"""Parameters of one request; MLflow takes no more."""

_PATIENCE = 30.0
"""Seconds that a locked database is waited for."""

_REASON = 150
"""Characters from the beginning and from the end of what MLflow says that a warning has room for."""


def check(settings: Settings) -> None:
    """Miss a package before the work rather than after it.

    Raises:
        ModuleNotFoundError: one that the settings' tracking needs is not installed.
    """
    uri = settings.tracking.uri
    needed = ("mlflow", *(("sqlalchemy", "alembic") if uri.startswith(SQLITE) else ())) if uri else ()
    for name in needed:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def track(opened: RunDirectory) -> None:
    """Tell what a run has published, where that is not told yet, and point the model's alias `current` to it.

    Never raises for what MLflow, its server or its store does; a line on stderr says how it went.

    Args:
        opened: the run, released.
    """
    config = opened.settings.tracking
    if not config.uri:
        return
    bundle = (opened / BUNDLE).resolve()
    try:
        client = _client(config)
        version = _told(client, config, bundle.name) or _tell(client, opened, bundle)
        client.set_registered_model_alias(config.model, CURRENT, version)
    except Exception as error:  # of the server, its store, its database, a library that one of them needs
        told = f"MLflow at {config.uri} has not taken bundle {bundle.name[:12]}… ({_reason(error)})"
        warn([f"{told}; the run is complete without it, the same command tells it again."])
        return
    err.print(f"tracking: {config.model} version {version} at {config.uri} is {CURRENT}", markup=False)


def _reason(error: Exception) -> str:
    """What an error says, in one line; its middle gives way, the cause stands at the end."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 2 * _REASON else f"{text[:_REASON]} … {text[-_REASON:]}"


def _client(config: TrackingConfig) -> Any:
    """An MlflowClient that sends nothing to anybody but the server."""
    os.environ.update(_ALWAYS)
    for name, value in _OTHERWISE.items():
        os.environ.setdefault(name, value)
    if config.uri.startswith(SQLITE):
        _check_writable(Path(config.uri.removeprefix(SQLITE)))
    from mlflow.tracking import MlflowClient  # reads the environment as it is loaded

    return MlflowClient(tracking_uri=config.uri, registry_uri=config.uri)


def _check_writable(file: Path) -> None:
    """Fail now where a database cannot be written; MLflow would try for a quarter of an hour."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(file, timeout=_PATIENCE)) as database:
        database.execute("BEGIN IMMEDIATE")


def _told(client: Any, config: TrackingConfig, digest: str) -> str | None:
    """The version that is this bundle; None where there is none yet."""
    found = client.search_model_versions(f"name = '{config.model}' and tag.{SHA256} = '{digest}'")
    return str(found[0].version) if found else None


def _tell(client: Any, opened: RunDirectory, bundle: Path) -> str:
    """A run of MLflow's with all there is to know; the version comes last, so that who finds it finds everything."""
    config, manifest = opened.settings.tracking, read_manifest(bundle, kind="bundle")
    tags = {SHA256: bundle.name, "source": opened.source, "source_sha256": opened.source_digest}
    run = client.create_run(_experiment(client, config), run_name=bundle.name[:12], tags=tags)
    with _ended(client, run.info.run_id):
        _tell_values(client, opened, run.info.run_id)
        for file in (opened / RUN_FILE, opened / "evaluation" / METRICS):
            client.log_artifact(run.info.run_id, str(file))
        for name in (MODEL_CARD, DATA_CARD, MANIFEST):
            client.log_artifact(run.info.run_id, str(bundle / name))
        client.log_text(run.info.run_id, page(opened), "report.html")
        client.log_artifacts(run.info.run_id, str(bundle), "bundle")
        _make_model(client, config.model)
        version = client.create_model_version(
            config.model,
            f"{run.info.artifact_uri}/bundle",
            run.info.run_id,
            tags={SHA256: bundle.name, **{f"{name}_sha256": digest for name, digest in manifest.parents.items()}},
        )
    return str(version.version)


def _tell_values(client: Any, opened: RunDirectory, run_id: str) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(name, value) for name, value in sorted(flat(opened.settings).items())]
    for start in range(0, len(params), _AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _AT_ONCE])
    now = client.get_run(run_id).info.start_time
    values = figures(Evaluation.load(opened / "evaluation"))
    client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in values.items()])


def flat(settings: BaseModel, above: str = "") -> dict[str, str]:
    """section.key → value, text as it is and all else as JSON; where it is told to is no setting of the run."""
    found: dict[str, str] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, TrackingConfig):
            continue
        if isinstance(value, BaseModel):
            found |= flat(value, f"{above}{name}.")
        else:
            plain = settings.model_dump(mode="json", include={name})[name]
            found[f"{above}{name}"] = plain if isinstance(plain, str) else json.dumps(plain)
    return found


def figures(evaluation: Evaluation) -> dict[str, float]:
    """method/metric → mean over all users, and its interval's bounds as method/metric.low and .high where it has one.

    MLflow has no room for most signs in a name: nDCG@10 is ndcg_10 there.
    """
    found: dict[str, float | None] = {}
    for method, told in evaluation.methods.items():
        for metric, estimate in told.scores[OVERALL].items():
            name = f"{_name(method)}/{_name(metric)}"
            found |= {name: estimate.mean, f"{name}.low": estimate.low, f"{name}.high": estimate.high}
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_. -]", "_", text)


def _experiment(client: Any, config: TrackingConfig) -> str:
    """Its id; a database that no server stands before has its files beside it, not where the process happens to be."""
    found = client.get_experiment_by_name(config.experiment)
    if found is not None:
        return str(found.experiment_id)
    beside: Mapping[str, str] = {}
    if config.uri.startswith(SQLITE):
        beside = {"artifact_location": (Path(config.uri.removeprefix(SQLITE)).parent / "artifacts").as_uri()}
    return str(client.create_experiment(config.experiment, **beside))


def _make_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextlib.contextmanager
def _ended(client: Any, run_id: str) -> Iterator[None]:
    """Let a run of MLflow's end as what was told ends."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(Exception):  # the first one is told
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    client.set_terminated(run_id, "FINISHED")
