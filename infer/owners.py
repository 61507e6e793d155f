"""From what was asked for to rules about what belongs together: presets that cover owners, and `--cover-owner`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.errors import UserError
from infer.belonging.rule import Belonging
from infer.classes import BUILT_IN, Selection, finders, match_class, remedy

EXAMPLE = "expected PART=OWNER, e.g. face=person: the person is hidden whose face it is"


def with_owners(
    selection: Selection,
    owners: Sequence[str] = (),
    unless: str | None = None,
    available: Mapping[str, tuple[str, ...]] = BUILT_IN,
    detector: str | None = None,
) -> Selection:
    """Add the rules that presets and flags ask for, and what finds the classes that they name.

    Args:
        selection: what is to be hidden.
        owners: texts "PART=OWNER"; a part is one of the classes that are hidden.
        unless: class that speaks against all of these.
        available: detectors that can be opened, with their classes.
        detector: the one that is preferred.

    Raises:
        UserError: a text cannot be understood, a part is not hidden, or nothing finds an owner.
    """
    if unless is not None and not owners:
        raise UserError("--unless says what speaks against --cover-owner: add it, e.g. --cover-owner clown=person")
    rules: dict[tuple[str, str], Belonging] = {}
    for preset in selection.presets:
        if preset.covers:
            owner = _named(preset.covers, f'the preset "{preset.name}"', available)
            _check_found(owner, f'preset "{preset.name}" hides the {owner} too', available, preset.classes)
            against = match_class(preset.unless, available) if preset.unless else None
            against = against if against is not None and finders(against, available) else None
            for part in preset.classes:
                part = match_class(part, available) or part
                rules[part, owner] = Belonging(part, owner, against)
    for text in owners:
        rule = _parsed(text, unless, selection.classes, available)
        rules[rule.part, rule.owner] = rule
    found = dict(selection.finders)
    for rule in rules.values():
        for name in (rule.owner, rule.unless):
            if name is not None and name not in found:
                choice = finders(name, available)
                found[name] = detector if detector in choice and detector is not None else choice[0]
    return replace(selection, finders=found, belonging=tuple(rules.values()))


def _parsed(
    text: str, unless: str | None, hidden: Sequence[str], available: Mapping[str, tuple[str, ...]]
) -> Belonging:
    flag = f"--cover-owner {text}"
    parts = [part.strip() for part in text.split("=")]
    if len(parts) != 2 or not all(parts):
        raise UserError(f"{flag}: {EXAMPLE}")
    part, owner = (_named(each, flag, available) for each in parts)
    if part not in hidden:
        raise UserError(f"{flag}: {part} is not hidden, but {', '.join(hidden)}; add it to --hide")
    against = None if unless is None else _named(unless, "--unless", available)
    if len({part, owner, against}) < 3:
        raise UserError(f"{flag}: part, owner and what speaks against must be different classes; {EXAMPLE}")
    for name, what in ((owner, flag), (against, f"--unless {unless}")):
        if name is not None:
            _check_found(name, what, available, (part,))
    return Belonging(part, owner, against)


def _named(word: str, where: str, available: Mapping[str, tuple[str, ...]]) -> str:
    name = match_class(word, available)
    if name is None:
        raise UserError(f'{where}: unknown class "{word}"; `python -m infer classes` lists what there is')
    return name


def _check_found(name: str, where: str, available: Mapping[str, tuple[str, ...]], parts: Sequence[str]) -> None:
    if not finders(name, available):
        raise UserError(
            f"{where}, but nothing at hand finds {name}{remedy(name)}; --hide {','.join(parts)} alone covers what is "
            "seen and no more"
        )
