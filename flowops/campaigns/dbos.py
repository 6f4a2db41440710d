"""The engine that is DBOS: the only file that imports it.

Its tables are in a file beside the ledger's, or in a schema of its own in the ledger's PostgreSQL. They hold the names
of batches as portable JSON, never a pickle: who may write them can make workers look at batches, and nothing else.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flowops.campaigns.engine import Job
from flowops.common.called import install_command
from flowops.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

#: What DBOS calls the application, its queue and its only workflow.
NAME = "flowops"
#: The schema of its tables in PostgreSQL.
SCHEMA = "flowops_work"
#: What DBOS is told of a database that it is given connections to.
_ELSEWHERE = "postgresql://flowops/flowops"
#: What one flowops has left another one takes up: jobs are alike in all versions.
_VERSION = "1"
#: Seconds between two looks at the queue: each costs processor while nothing is to be done.
POLL = 1.0
#: Seconds between two looks at schedules and messages, of which there are none.
_SELDOM = 3_600.0
#: A job that waits for a thread, or for its time, and one that a process has in hand.
_WAITING, _IN_HAND = ("ENQUEUED", "DELAYED"), "PENDING"
#: One that has ended, however; it stays until it is deleted.
_ENDED = ("SUCCESS", "ERROR", "CANCELLED")
#: How many jobs are deleted at once.
_SOME = 1_000


@contextmanager
def _tables() -> Iterator[None]:
    """Raise LedgerError where the tables cannot be used: a worker waits for their database as for the ledger's."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        raise LedgerError(f"the jobs of campaigns: {cause}") from error


class DbosEngine:
    """Jobs as workflows of DBOS: a `flowops.campaigns.engine.Engine`. A process has one at a time."""

    def __init__(self, process: str, tables: Path | Callable[[], Any]) -> None:
        """Open the tables, and make what is missing; `process` is what this process is called, and nobody before it.

        The `tables` are in an SQLite file, or in the PostgreSQL that a function makes connections to. Raises UsageError
        where DBOS is not installed, and LedgerError, as every method, where the database does not answer.
        """
        # With a handler of its own it would write to the standard error; so its log goes where ours goes.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        try:
            import dbos
        except ImportError:
            raise UsageError("workers need DBOS", hint=f"install it: {install_command('dbos')}") from None
        _refuse_pickles()
        self._handle: Callable[[Job], None] | None = None
        self._dbos, self._options = dbos.DBOS, dbos.EnqueueOptions
        config = dbos.DBOSConfig(
            name=NAME,
            application_version=_VERSION,
            executor_id=process,
            serializer=dbos.DBOSPortableJSONSerializer(),
            system_database_url=f"sqlite:///{tables}" if isinstance(tables, Path) else _ELSEWHERE,
            dbos_system_schema=SCHEMA,
            use_listen_notify=False,
            log_level="WARNING",
            scheduler_polling_interval_sec=_SELDOM,
            notification_listener_polling_interval_sec=POLL,  # asks nobody while nothing waits; ends when it has slept
        )
        self._engine = None if isinstance(tables, Path) else _engine(tables)
        if self._engine is not None:
            config["system_database_engine"] = self._engine

        def work(campaign: str, batch: int, turn: int) -> None:
            if self._handle is not None:
                self._handle(Job(campaign, batch, turn))

        dbos.DBOS.workflow(name=NAME, max_recovery_attempts=None)(work)
        instance = dbos.DBOS(config=config)
        dbos.DBOS.listen_queues([NAME])
        try:
            with _tables():
                dbos.DBOS.launch()
            # It would wait for a database that is gone, for minutes and without a word: a worker says so, and begins
            # again once it is back.
            instance._sys_db._retry_connection_errors = False
        except LedgerError:
            self.stop(0.0)
            raise

    @_tables()
    def start(self, handle: Callable[[Job], None], slots: int) -> None:
        """Hand jobs that are due to `handle`, at most so many at once, each in a thread of its own."""
        self._handle = handle
        self._dbos.register_queue(
            NAME, worker_concurrency=slots, polling_interval_sec=POLL, on_conflict="always_update"
        )

    @_tables()
    def enqueue(self, jobs: Iterable[tuple[Job, float]]) -> None:
        """Add jobs, each due in so many seconds. One that is there already stays as it is."""
        for job, seconds in jobs:
            options = self._options(workflow_name=NAME, queue_name=NAME, workflow_id=_id_of(job))
            if seconds > 0:
                options["delay_seconds"] = seconds
            self._dbos.enqueue_workflow_with_options(options, *job)

    def known(self) -> frozenset[Job]:
        """Return the jobs that wait, or are being worked on."""
        return frozenset(_job_of(name) for name, _ in self._list([*_WAITING, _IN_HAND]))

    @_tables()
    def drop(self, campaign: str) -> None:
        """Forget the jobs of a campaign that wait, and those that have ended."""
        names = [name for name, _ in self._list([*_WAITING, *_ENDED], prefix=f"{campaign}/")]
        for at in range(0, len(names), _SOME):
            self._dbos.delete_workflows(names[at : at + _SOME])

    @_tables()
    def take_over(self, alive: Callable[[Collection[str]], Collection[str]]) -> int:
        """Hand out again what processes had in hand that are gone; return how many jobs."""
        in_hand = self._list([_IN_HAND])
        living = alive({process for _, process in in_hand}) if in_hand else ()
        return sum(self._resume(name) for name, process in in_hand if process not in living)

    def _resume(self, name: str) -> bool:
        """Hand out a job again; return whether it is there: others may have done so, and dropped what has ended."""
        from dbos._error import DBOSNonExistentWorkflowError

        try:
            self._dbos.resume_workflows([name], queue_name=NAME)
        except DBOSNonExistentWorkflowError:
            return False
        return True

    def stop(self, patience: float) -> None:
        """Hand out nothing more, and wait so many seconds for what is being worked on."""
        self._dbos.destroy(destroy_registry=True, workflow_completion_timeout_sec=round(patience))
        if self._engine is not None:  # DBOS leaves to us what is ours
            self._engine.dispose()

    @_tables()
    def _list(self, status: Sequence[str], prefix: str | None = None) -> list[tuple[str, str]]:
        """Return the jobs with a status, and the processes that have or had them in hand."""
        found = self._dbos.list_workflows(
            status=list(status), name=NAME, workflow_id_prefix=prefix, load_input=False, load_output=False
        )
        return [(each.workflow_id, str(each.executor_id)) for each in found]


def _refuse_pickles() -> None:
    """Let DBOS read no pickle, whatever serializer it has: its tables say of each value how that is written.

    A pickle runs code, and it would be that of whoever may write the tables.
    """
    from dbos import _serialization

    def refuse(_: object, __: str) -> NoReturn:
        raise ValueError("a pickle, which no job of flowops is")

    _serialization.DefaultSerializer.deserialize = refuse  # type: ignore[method-assign,assignment]


def _id_of(job: Job) -> str:
    return f"{job.campaign}/{job.batch}/{job.turn}"


def _job_of(name: str) -> Job:
    campaign, batch, turn = name.split("/")
    return Job(campaign, int(batch), int(turn))


def _engine(connect: Callable[[], Any]) -> Any:
    """Return what SQLAlchemy needs to use connections that are made our way."""
    import sqlalchemy

    return sqlalchemy.create_engine("postgresql+psycopg://", creator=connect, pool_size=8, pool_pre_ping=True)
