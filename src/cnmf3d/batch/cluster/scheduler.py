"""A running dask.distributed scheduler, and which of its workers can compute items."""

from __future__ import annotations

import importlib.util
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnmf3d import plain_json
from cnmf3d.errors import Cnmf3dError, UsageError

if TYPE_CHECKING:
    from distributed import Client

TIMEOUT = 10.0
"""Seconds to wait for the scheduler, and for a first worker."""

LOOK = 1.0
"""Seconds between questions to the scheduler who is there."""

ANSWER = 60.0
"""Seconds that scheduler and workers are given for an answer."""

SAME = ("cnmf3d", "distributed")
"""Packages of which the same version has to be everywhere."""


class ClusterError(Cnmf3dError):
    """A cluster that can't be reached, or can't compute items (exit code 1)."""


@dataclass
class Scheduler:
    """A connection to a scheduler; `connect` makes one, `close` ends it.

    Attributes
    ----------
    address : str
        As the user gave it.
    client : distributed.Client
    """

    address: str
    client: Client
    _seen: dict[str, int] = field(default_factory=dict)
    _asked: float = 0.0

    @property
    def reachable(self) -> bool:
        """Whether the connection stands."""
        return bool(self.client.status == "running")

    def workers(self) -> dict[str, int]:
        """Addresses of the workers that are there, and the threads of each.

        Raises
        ------
        ClusterError
            Where the scheduler is gone, or a new worker has other versions.
        """
        if not self.reachable:
            raise _gone(self.address)
        if time.monotonic() - self._asked > LOOK:
            found = _asked(self.address, self.client)
            if found.keys() - self._seen.keys():
                check_versions(self.address, _versions(self.address, self.client))
            self._seen, self._asked = found, time.monotonic()
        return self._seen

    def some_workers(self) -> dict[str, int]:
        """As `workers`, waiting a while for a first one.

        Raises
        ------
        ClusterError
            Where none comes, too.
        """
        end = time.monotonic() + TIMEOUT
        while not self.workers():
            if time.monotonic() > end:
                raise ClusterError(
                    f"the scheduler at {self.address} has no workers", f"Start some first: dask worker {self.address}"
                )
            time.sleep(0.1)
        return self._seen

    def close(self) -> None:
        """End the connection; the cluster stays as it is."""
        self.client.close(timeout=2)


def connect(address: str) -> Scheduler:
    """Connect to a running scheduler.

    Parameters
    ----------
    address : str
        ``tcp://host:8786``, ``host:8786``, or a scheduler file that ``dask scheduler --scheduler-file`` wrote.

    Raises
    ------
    UsageError
        Where dask.distributed isn't installed, or the address is none.
    ClusterError
        Where nobody answers, there are no workers, or their versions are others.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UsageError("dask.distributed isn't installed", "Install it: pip install 'cnmf3d[cluster]'.")
    scheduler = Scheduler(address, _client(address))
    try:
        scheduler.some_workers()
    except BaseException:
        scheduler.close()
        raise
    return scheduler


def _client(address: str) -> Client:
    """A client that is connected."""
    from distributed import Client

    try:
        where = plain_json.loads(Path(address).read_text("utf-8"))["address"] if Path(address).is_file() else address
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared below, for what matters here
            return _made(Client, where)
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{address!r} is no address of a scheduler: {error}",
            "Give it as the scheduler writes it when it starts: --scheduler tcp://host:8786.",
        ) from error
    except (OSError, ImportError) as error:
        raise ClusterError(
            f"no dask scheduler answers at {address}",
            "Check that it runs (dask scheduler), that this is the address it wrote when it started, and that no "
            "firewall is between; its dashboard (port 8787) is another address.",
        ) from error


def _made(kind: type[Client], where: str) -> Client:
    """A client; where it can't connect it is closed at once.

    Dask leaves that to the garbage collector, which may come while the same thread starts another client: both then
    want the lock of Dask's event loops, and wait for ever.
    """
    client = object.__new__(kind)
    try:
        client.__init__(where, timeout=TIMEOUT, set_as_default=False, name="cnmf3d-batch")
    except BaseException:
        with suppress(Exception):
            client.close(timeout=2)
        client.status = "closed"
        raise
    return client


def _asked(address: str, client: Client) -> dict[str, int]:
    """Workers that are there now."""
    try:
        return dict(client.nthreads(callback_timeout=ANSWER))
    except TimeoutError as error:
        raise _silent(address) from error
    except (OSError, AttributeError) as error:  # the connection was closed; the client has given up
        raise _gone(address) from error


def _versions(address: str, client: Client) -> Any:
    """What `Client.get_versions` answers, which itself has no end to its patience."""
    try:
        return client.sync(client._get_versions, packages=["cnmf3d"], callback_timeout=ANSWER)
    except TimeoutError as error:
        raise _silent(address) from error


def _silent(address: str) -> ClusterError:
    return ClusterError(f"the scheduler at {address} doesn't answer", "See what it wrote; start it again if it hangs.")


def _gone(address: str) -> ClusterError:
    return ClusterError(
        f"the scheduler at {address} is gone",
        "Start it and its workers again, then `cnmf3d batch run`: it goes on where it was.",
    )


def check_versions(address: str, told: Any) -> None:
    """See that all have the versions that have to be the same.

    Parameters
    ----------
    address : str
    told : mapping
        What ``Client.get_versions`` answers.

    Raises
    ------
    ClusterError
        Naming the package, who has which version, and what to do.
    """
    here = told["client"]["packages"]
    others = {"the scheduler": told["scheduler"], **told["workers"]}
    for name in SAME:
        for who, said in others.items():
            there = (said or {}).get("packages", {}).get(name)
            if who == "the scheduler" and name == "cnmf3d":
                continue
            if there != here.get(name):
                person = who if who == "the scheduler" else f"the worker {who}"
                raise ClusterError(
                    f"{person} of {address} has {name} {there or '(none)'}, here it is {here.get(name)}",
                    f"Start scheduler and workers in an environment with {name} {here.get(name)}, such as this one.",
                )
