"""Conditions under which the database refuses a row: triggers on SQLite and PostgreSQL, made from one list of rules.

A later migration that makes a table anew on SQLite drops its triggers: it has to remove() the rules before and
install() them after.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

__all__ = ["Rule", "Rules", "moved"]

_DIFFERS = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition under which a row of *table* is refused. on_update: None where updates are asked the same."""

    name: str
    table: str
    on_insert: str
    on_update: str | None = None
    on_delete: str = ""

    def events(self, *, deletes: bool) -> Iterator[tuple[str, str]]:
        """Yield (event, condition)."""
        update = self.on_insert if self.on_update is None else self.on_update
        found = (("insert", self.on_insert), ("update", update), ("delete", self.on_delete if deletes else ""))
        yield from ((event, condition) for event, condition in found if condition)


@dataclass(frozen=True)
class Rules:
    """Rules that come and go together. prefix: of their names in the database.

    words: what stands between <> in a condition -> vendor -> SQL. deletes_on: vendors on which deleting is asked too.
    """

    prefix: str
    rules: tuple[Rule, ...]
    words: Mapping[str, Mapping[str, str]]
    deletes_on: frozenset[str]

    def trigger_names(self, vendor: str) -> set[str]:
        """Return the names of the triggers that install() makes on *vendor*."""
        return {self._name(rule, event) for rule, event, _condition in self._all(vendor)}

    def installing(self, vendor: str) -> Iterator[str]:
        """Yield the statements that make the triggers."""
        for rule, event, condition in self._all(vendor):
            yield from (self._sqlite if vendor == "sqlite" else self._postgresql)(rule, event, condition)

    def removing(self, vendor: str) -> Iterator[str]:
        """Yield the statements that take the triggers away."""
        for rule, event, _condition in self._all(vendor):
            name = self._name(rule, event)
            if vendor == "sqlite":
                yield f"DROP TRIGGER IF EXISTS {name}"
            else:
                yield f"DROP TRIGGER IF EXISTS {name} ON {rule.table}"
                yield f"DROP FUNCTION IF EXISTS {name}()"

    def install(self, schema_editor: BaseDatabaseSchemaEditor) -> None:
        """Make the triggers."""
        _execute(self.installing(schema_editor.connection.vendor), schema_editor)

    def remove(self, schema_editor: BaseDatabaseSchemaEditor) -> None:
        """Take the triggers away."""
        _execute(self.removing(schema_editor.connection.vendor), schema_editor)

    def _all(self, vendor: str) -> Iterator[tuple[Rule, str, str]]:
        for rule in self.rules:
            for event, condition in rule.events(deletes=vendor in self.deletes_on):
                text = condition.replace("<differs>", _DIFFERS[vendor])
                for word, by_vendor in self.words.items():
                    text = text.replace(f"<{word}>", by_vendor[vendor])
                yield rule, event, text

    def _name(self, rule: Rule, event: str) -> str:
        return f"{self.prefix}{rule.name}_{event}"

    def _sqlite(self, rule: Rule, event: str, condition: str) -> Iterator[str]:
        yield (
            f"CREATE TRIGGER {self._name(rule, event)} BEFORE {event.upper()} ON {rule.table} BEGIN"
            f" SELECT RAISE(ABORT, 'CHECK constraint failed: {self.prefix}{rule.name}') WHERE {condition}; END"
        )

    def _postgresql(self, rule: Rule, event: str, condition: str) -> Iterator[str]:
        name = self._name(rule, event)
        yield f"""CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF {condition} THEN
            RAISE EXCEPTION 'CHECK constraint failed: {self.prefix}{rule.name}'
            USING ERRCODE = 'check_violation', CONSTRAINT = '{self.prefix}{rule.name}', TABLE = '{rule.table}';
        END IF;
        RETURN {"OLD" if event == "delete" else "NEW"}; END $$"""
        yield f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {rule.table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def moved(*columns: str) -> str:
    """Whether an update changes one of *columns*."""
    return "(" + " OR ".join(f"NEW.{name} <differs> OLD.{name}" for name in columns) + ")"


def _execute(statements: Iterable[str], schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in statements:
        schema_editor.execute(statement, params=None)
