"""Ray, started on this machine or joined where it runs already; nothing is reported to anyone."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from mediaeval.devices import device_kind
from mediaeval.errors import ConfigError, FeaturesError, first_line

OLDEST = (2, 60)  # what was tried
ANSWER = 10.0  # seconds that a cluster may take to answer
OBJECTS = 80 << 20  # bytes for Ray's objects: ids and outcomes are all that it carries


@contextlib.contextmanager
def ray_cluster(address: str | None, cpus: int) -> Iterator[ModuleType]:
    """Give the module `ray`, connected; on leaving, what was started here ends.

    address  of a cluster that runs, `auto` for one that Ray finds, or None: one is started on this machine
    cpus     logical processors of one that is started here

    Raises ConfigError where Ray is not installed or of another version, or cannot be reached.
    """
    ray = _imported()
    with _quiet():
        try:
            if address is not None:
                _require_answer(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
            else:
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=OBJECTS,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                )
        except Exception as error:  # Ray raises many kinds, Exception itself among them
            where = f"the cluster at --address {address}" if address else "Ray on this machine"
            raise ConfigError(
                f"--ray: {where} cannot be used ({first_line(error).rstrip('.')}). Every node needs the same versions "
                "of Python, Ray and this package; or leave --ray out."
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise OSError where nothing answers at `[ray://]host:port`: Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()


def cluster_size(ray: ModuleType, device: str) -> tuple[int, str]:
    """Return how many workers a cluster has room for, and of what: its logical processors, or its GPUs.

    Raises FeaturesError where it has none.
    """
    resource, what = ("GPU", "GPUs") if device_kind(device) == "cuda" else ("CPU", "processors")
    most = int(ray.cluster_resources().get(resource, 0))
    if not most:
        raise FeaturesError(f"the Ray cluster has no {what}. Add a node, choose another --device, or leave --ray out.")
    return most, what


def _imported() -> ModuleType:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when it is imported and by what it starts
    # a GPU that no worker asks for stays visible to those that it is given to
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        found = version("ray")
        import ray
    except (PackageNotFoundError, ImportError):
        raise ConfigError(
            "--ray: Ray is not installed. Install it (pip install 'mediaeval[ray]'), or leave --ray out."
        ) from None
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        least = ".".join(map(str, OLDEST))
        raise ConfigError(
            f"--ray: got Ray {found}; expected {least} or later. Install it (pip install 'mediaeval[ray]'), or leave "
            "--ray out."
        )
    module: ModuleType = ray
    return module


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from telling on stdout, where results are printed, of workers that ended: what matters is raised."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        yield
