"""What the README promises exists, and what exists stands in it."""

import re
from pathlib import Path

from tests.cli.test_frame import commands
from twofold.commands import env_file
from twofold.commands.show_settings import names_of_settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_it_and_no_other() -> None:
    told = set(re.findall(r"`(TWOFOLD_[A-Z0-9_]+)`", README))
    assert told == {*names_of_settings({}), env_file.VARIABLE}


def test_every_command_stands_in_it_and_no_other() -> None:
    table = README.partition("## Commands")[2].partition("## More")[0]
    told = set()
    for words in re.findall(r"`twofold ([^`]+)`", table):
        group, *rest = [word for word in words.replace("\\|", "|").split() if word.islower() or "-" in word]
        subcommands = [word for word in rest if re.fullmatch("[a-z]+(-[a-z]+)*", word)]
        told |= {f"{group} {word}" for word in subcommands} or {group}
    assert told == {name for name, _ in commands()}


def test_what_it_leads_to_is_there() -> None:
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
