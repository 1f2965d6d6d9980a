"""Very many new rows at once, for an estate that was invented: COPY on PostgreSQL, executemany elsewhere."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.color import no_style
from django.db import connection
from django.db.models import JSONField, Max, Model

__all__ = ["BulkLoader"]


class BulkLoader:
    """Takes rows, and writes them when told; the primary key of a row is known as soon as it was taken.

    models: in the order in which they are written, what is pointed at first. Nobody else may write meanwhile: the
    caller holds the transaction, and calls close() at its end.
    """

    def __init__(self, models: Sequence[type[Model]], *, now: datetime) -> None:
        """Take primary keys from where each table ends. now: for columns that say when a row was made."""
        self._models = models
        self._columns = {model: _columns(model, now) for model in models}
        self._next = {model: self._last(model) for model in models}
        self._rows: dict[type[Model], list[tuple[Any, ...]]] = {model: [] for model in models}

    def add(self, model: type[Model], **values: Any) -> int:
        """Take a row of *model*; columns by their names, what is left out has its default. Return its primary key."""
        self._next[model] = pk = self._next[model] + 1
        values["id"] = pk
        columns = self._columns[model]
        self._rows[model].append(tuple(values.get(name, default) for name, default in columns.items()))
        return pk

    def flush(self) -> None:
        """Write all that was taken."""
        for model in self._models:
            rows, self._rows[model] = self._rows[model], []
            if rows:
                self._write(model, rows)

    def close(self) -> None:
        """Write what is left, and let the next ordinary row go on after the last of these."""
        self.flush()
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), self._models):
                cursor.execute(statement)

    def _write(self, model: type[Model], rows: Sequence[tuple[Any, ...]]) -> None:
        quote = connection.ops.quote_name
        table = quote(model._meta.db_table)  # noqa: SLF001  Django's documented model API
        names = ", ".join(quote(name) for name in self._columns[model])
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
                return
            places = ", ".join(["%s"] * len(self._columns[model]))
            statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608  names of our own models
            cursor.executemany(statement, [tuple(_adapted(value) for value in row) for row in rows])

    @staticmethod
    def _last(model: type[Model]) -> int:
        last = model._default_manager.aggregate(last=Max("pk"))["last"]  # noqa: SLF001  Django's documented API
        return int(last or 0)


def _columns(model: type[Model], now: datetime) -> dict[str, Any]:
    """Return the columns of *model* with their defaults."""
    found: dict[str, Any] = {}
    for field in model._meta.concrete_fields:  # noqa: SLF001  Django's documented model API
        default = now if getattr(field, "auto_now_add", False) else field.get_default()
        found[field.attname] = json.dumps(default) if isinstance(field, JSONField) and default is not None else default
    return found


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
