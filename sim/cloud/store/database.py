"""The one database of a served cloud: a snapshot, the journal since, the flash of its devices, and a few facts.

SQLite in WAL mode. What is committed survives the end of the process at any moment, because it is with the operating
system by then; `synced` makes it survive the end of the machine too, at the price of a disk access for each change.
A write is in the database when its call returns; several belong together inside `together`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from sim.errors import MachineError

FORMAT = 2
"""Of the tables and of everything packed in them. To be raised when a class that is kept changes its attributes."""

_SCHEMA = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), state BLOB NOT NULL);
CREATE TABLE journal (id INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE device (
  name TEXT PRIMARY KEY, factory TEXT NOT NULL, ops INTEGER NOT NULL, busy_us INTEGER NOT NULL, boots INTEGER NOT NULL,
  state TEXT NOT NULL, phase TEXT NOT NULL, progress REAL NOT NULL, version TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE sector (
  device TEXT NOT NULL, number INTEGER NOT NULL, erases INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (device, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device at one moment. `factory`: digest of the flash it was made with, which its kept sectors differ from."""

    name: str
    factory: str
    ops: int
    busy_us: int
    boots: int
    state: str
    phase: str
    progress: float
    version: str


_DEVICE = tuple(field.name for field in fields(DeviceRow))


class Database:
    """Open database of one data directory; nobody else may have it open for writing."""

    def __init__(self, path: Path, *, synced: bool = False) -> None:
        self._path = path
        fresh = not path.exists()
        self.connection = sqlite3.connect(path, isolation_level=None)
        try:
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            if fresh or self._version() == 0:
                self.connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
            version = self._version()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise MachineError(f"the cloud's data cannot be used: {path}: {error}") from None
        if version != FORMAT:
            self.connection.close()
            raise MachineError(
                f"{path} has format {version}, and this version of qpyota reads format {FORMAT}; "
                "start with another --data, or delete that directory"
            )

    def close(self) -> None:
        """Fold the write-ahead log into the database and let go of both."""
        self.connection.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All writes inside, or none of them. MachineError when they cannot be written."""
        if self.connection.in_transaction:
            yield
            return
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise MachineError(f"the cloud's data cannot be written: {self._path}: {error}") from None
            raise

    # Facts

    def fact(self, name: str) -> str | None:
        """A fact by its name, None when nobody stated it."""
        row = self.connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def state_fact(self, name: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    # Snapshot and journal

    def snapshot(self) -> bytes | None:
        """The state to begin with, None in a new database."""
        row = self.connection.execute("SELECT state FROM snapshot").fetchone()
        return None if row is None else bytes(row[0])

    def take(self, state: bytes) -> None:
        """A new state to begin with: the journal so far is part of it and goes."""
        with self.together():
            self.connection.execute("INSERT OR REPLACE INTO snapshot VALUES (1, ?)", (state,))
            self.connection.execute("DELETE FROM journal")

    def append(self, entry: bytes) -> None:
        """One more entry of the journal."""
        self.connection.execute("INSERT INTO journal (entry) VALUES (?)", (entry,))

    def journal(self) -> Iterator[bytes]:
        """Every entry since the snapshot, in order."""
        for (entry,) in self.connection.execute("SELECT entry FROM journal ORDER BY id"):
            yield bytes(entry)

    # Devices

    def devices(self) -> dict[str, DeviceRow]:
        """Every device whose flash is kept, by name."""
        rows = self.connection.execute(f"SELECT {', '.join(_DEVICE)} FROM device ORDER BY name")
        return {row[0]: DeviceRow(*row) for row in rows}

    def save_device(self, row: DeviceRow) -> None:
        """Replace what is known of a device, its sectors aside."""
        marks = ", ".join("?" * len(_DEVICE))
        self.connection.execute(f"INSERT OR REPLACE INTO device ({', '.join(_DEVICE)}) VALUES ({marks})", astuple(row))

    def forget_device(self, name: str) -> None:
        """Nothing is known of it any more."""
        self.connection.execute("DELETE FROM sector WHERE device = ?", (name,))
        self.connection.execute("DELETE FROM device WHERE name = ?", (name,))

    def sectors(self, device: str) -> Iterator[tuple[int, int, bytes]]:
        """Number, erases and content of every sector that is kept of a device."""
        yield from self.connection.execute("SELECT number, erases, content FROM sector WHERE device = ?", (device,))

    def save_sectors(self, device: str, sectors: Iterable[tuple[int, int, bytes]]) -> None:
        """Replace some sectors of a device."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO sector VALUES (?, ?, ?, ?)", ((device, *sector) for sector in sectors)
        )

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])


def read_devices(path: Path) -> list[DeviceRow]:
    """The devices of a database that somebody else may be writing; none when there is no such database."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(f"SELECT {', '.join(_DEVICE)} FROM device ORDER BY name")
            return [DeviceRow(*row) for row in rows]
    except sqlite3.DatabaseError as error:
        raise MachineError(f"the cloud's data cannot be read: {path}: {error}") from None
