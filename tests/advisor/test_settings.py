"""Settings: where they come from, what is refused, and that writing loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.__main__ import main
from advisor.cli.settings import apply_defaults
from advisor.core.order import ORDERS
from advisor.core.question import RUNTIMES, USE_CASES, Question
from advisor.report.format import UNITS, gib_unit, sizes_in, titled, unit
from advisor.report.schemas import schema_document
from advisor.settings import (
    BUILT_IN,
    NAMES,
    SORTS,
    USES,
    Settings,
    SettingsError,
    changed,
    load,
    reset,
    settings_path,
)
from advisor.settings import UNITS as UNIT_NAMES
from advisor.settings_file import save, settings_text

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / "settings.toml"
    monkeypatch.setenv("RIG_ADVISOR_CONFIG", str(path))
    return path


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, *capsys.readouterr()


def test_built_in_values_are_those_of_the_question() -> None:
    question = Question()
    for name in ("context", "users", "use", "kv_type", "runtime"):
        assert getattr(BUILT_IN, name) == getattr(question, name)
    assert tuple(USE_CASES) == USES
    assert tuple(ORDERS) == SORTS
    assert tuple(UNITS) == UNIT_NAMES


def test_without_a_file_everything_is_built_in(file: Path) -> None:
    loaded = load()
    assert loaded.settings == BUILT_IN
    assert not loaded.found
    assert loaded.path == file
    assert {loaded.source(name) for name in NAMES} == {"default"}


def test_environment_goes_before_the_file_and_the_file_before_what_is_built_in(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(file, 'units = "GB"\ntheme = "light"\n[defaults]\ncontext = "32k"\nusers = 2\n')
    monkeypatch.setenv("RIG_ADVISOR_USERS", "4")
    loaded = load()
    assert (loaded.settings.units, loaded.settings.context, loaded.settings.users) == ("GB", 32_768, 4)
    assert loaded.in_file.users == 2
    sources = {name: loaded.source(name) for name in ("units", "users", "use")}
    assert sources == {"units": "file", "users": "environment", "use": "default"}
    assert loaded.variables["users"] == "RIG_ADVISOR_USERS"


@pytest.mark.usefixtures("file")
def test_no_color_goes_before_a_theme_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    loaded = load()
    assert loaded.settings.theme == "ansi-dark"
    assert loaded.variables["theme"] == "NO_COLOR"


@pytest.mark.usefixtures("file")
def test_a_theme_of_the_environment_that_there_is_not_is_said_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_THEME", "drak")
    code, _, err = run(capsys, "settings")
    assert code == 2
    assert "RIG_ADVISOR_THEME" in err
    assert "did you mean 'dark'" in err


@pytest.mark.parametrize(("text", "glyphs"), [("1", "ascii"), ("0", "unicode"), ("", "auto")])
@pytest.mark.usefixtures("file")
def test_the_older_switch_for_ascii_sets_the_glyphs(
    monkeypatch: pytest.MonkeyPatch, text: str, glyphs: str
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_ASCII", text)
    assert load().settings.glyphs == glyphs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('themme = "dark"', "did you mean 'theme'"),
        ("[defaults]\ncontxt = 1", "did you mean 'context'"),
        ("context = 4096", "below a line [defaults]"),
        ('units = "MB"', "units cannot be 'MB'"),
        ("units = 3", "units must be text"),
        ('[defaults]\ncontext = "many"', "8192 or 32k"),
        ("[defaults]\nusers = true", "users must be a whole number"),
        ("[defaults]\nusers = 0", "users must be between 1"),
        ('[defaults]\nuse = "chatt"', "did you mean 'chat'"),
        ('[defaults]\nkv_type = "q3"', "unknown KV cache type"),
        ('[defaults]\nruntime = "sglang"', "vllm is the nearest"),
        ('[defaults]\nruntime = "ollama"\nkv_type = "q5_1"', "has no KV cache type"),
        ("[defaults]\nmin_speed = -1", "min_speed must be 0 to"),
        ("[defaults]\nmin_speed = nan", "min_speed must be 0 to"),
        ("defaults = 3", "must be a table"),
        ("[keys]\n'app.use' = 3", "must be a key"),
        ("theme = ", "no valid TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_that_names_file_and_remedy(
    file: Path, capsys: Capture, text: str, said: str
) -> None:
    written(file, text)
    code, out, err = run(capsys, "model", "qwen3 8b")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert str(file) in err
    assert said in err
    assert file.read_text("utf-8") == text


@pytest.mark.usefixtures("file")
def test_a_value_of_the_environment_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_UNITS", "MB")
    with pytest.raises(SettingsError, match="RIG_ADVISOR_UNITS"):
        load()


def test_a_file_that_is_no_text_or_no_file_is_refused(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        load()
    file.rmdir()
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="no valid TOML"):
        load()


def test_keys_read_alike_quoted_or_as_tables(file: Path) -> None:
    written(file, '[keys]\n"app.use" = "x"\napp.users_more = ["plus", "f5"]\n')
    assert load().settings.keys == {"app.use": "x", "app.users_more": "plus,f5"}


binding_ids = st.from_regex(r"\A[a-z_]+\.[a-z_]+\Z")
printable = st.text(min_size=1).filter(lambda text: bool(text.strip()) and text.isprintable())
some_settings = st.builds(
    Settings,
    theme=printable.map(str.strip),
    units=st.sampled_from(UNIT_NAMES),
    context=st.integers(1, 1_000_000),
    users=st.integers(1, 64),
    use=st.sampled_from(USES),
    min_speed=st.floats(0, 100_000),
    sort=st.sampled_from(SORTS),
    keys=st.dictionaries(binding_ids, printable.map(str.strip)).map(MappingProxyType),
)


@given(some_settings)
def test_what_is_written_reads_as_the_same(settings: Settings) -> None:
    document = tomllib.loads(settings_text(settings))
    found = BUILT_IN
    from advisor.settings import flatten

    for name, value in flatten(document, "a test").items():
        found = changed(found, name, value, "a test")
    assert found == settings


def test_saving_keeps_the_file_before_and_replaces_it_as_a_whole(file: Path) -> None:
    assert save(replace(BUILT_IN, units="GB"), file) is None
    before = file.read_bytes()
    backup = save(replace(BUILT_IN, theme="light"), file)
    assert backup is not None
    assert backup.read_bytes() == before
    assert load().settings == replace(BUILT_IN, theme="light")
    assert save(replace(BUILT_IN, theme="light"), file) is None
    assert sorted(p.name for p in file.parent.iterdir()) == ["settings.toml", "settings.toml.bak"]


@pytest.mark.parametrize("text", ["theme = ", 'themme = "dark"\n'])
def test_saving_over_a_file_that_is_not_understood_is_refused(file: Path, text: str) -> None:
    written(file, text)
    with pytest.raises(SettingsError):
        save(BUILT_IN, file)
    assert file.read_text("utf-8") == text


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be read|not written"):
        save(BUILT_IN, tmp_path / "file" / "settings.toml")


@pytest.mark.parametrize(
    ("platform", "environment", "end"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/c"}, "/c/rig-advisor/settings.toml"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, ".config/rig-advisor/settings.toml"),
        ("darwin", {}, "Library/Application Support/rig-advisor/settings.toml"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/rig-advisor/settings.toml"),
        ("linux", {"RIG_ADVISOR_CONFIG": "/x/y.toml"}, "/x/y.toml"),
    ],
)
def test_the_file_lies_where_the_platform_has_such_files(
    platform: str, environment: dict[str, str], end: str
) -> None:
    assert settings_path(environment, platform).as_posix().endswith(end)


def test_reset_brings_one_or_all_back() -> None:
    settings = changed(replace(BUILT_IN, units="GB", users=3), "keys.app.use", "x", "a test")
    assert reset(settings, "units").units == "GiB"
    assert reset(settings, "defaults.users").users == 1
    assert reset(settings, "keys.app.use").keys == {}
    assert reset(settings, "keys").keys == {}
    with pytest.raises(SettingsError, match="did you mean 'units'"):
        reset(settings, "unit")


# ---------------------------------------------------------------- the command


def test_the_command_says_what_is_set_and_where_it_comes_from(
    file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIG_ADVISOR_USERS", "4")
    assert run(capsys, "settings", "set", "units", "gb")[0] == 0
    code, out, _ = run(capsys, "settings")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert "GB" in lines["units"]
    assert " file " in lines["units"]
    assert "environment, RIG_ADVISOR_USERS" in lines["users"]
    assert " default " in lines["theme"]
    assert str(file) in out
    code, out, _ = run(capsys, "settings", "--json")
    document = json.loads(out)
    jsonschema.validate(document, schema_document("settings"))
    assert {s["name"]: s["source"] for s in document["settings"]}["users"] == "environment"
    assert "users" not in file.read_text("utf-8"), "what the environment says is not written"


def test_setting_and_resetting_change_the_file(file: Path, capsys: Capture) -> None:
    for name, value in (("theme", "nord"), ("context", "32k"), ("keys.app.use", "f6")):
        code, out, err = run(capsys, "settings", "set", name, value)
        assert (code, err) == (0, "")
        assert str(file) in out
    loaded = load().settings
    assert (loaded.theme, loaded.context, loaded.keys) == ("nord", 32_768, {"app.use": "f6"})
    assert run(capsys, "settings", "reset", "theme")[0] == 0
    assert load().settings.theme == "dark"
    assert run(capsys, "settings", "reset")[0] == 0
    assert load().settings == BUILT_IN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "theme", "norde"), "did you mean 'nord'"),
        (("set", "keys.app.usee", "x"), "did you mean 'app.use'"),
        (("set", "keys.app.use", "contrl+x"), "there is no key"),
        (("set", "keys.app.use", "t"), "app.kv_type"),
        (("set", "context", "0"), "context must be between"),
        (("set", "contxt", "1"), "did you mean 'context'"),
        (("set", "theme"), "a name and a value"),
        (("reset", "thme"), "did you mean 'theme'"),
        (("reset", "theme", "dark"), "settings set theme"),
    ],
)
def test_bad_changes_are_refused_and_write_nothing(
    file: Path, capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, "settings", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not file.exists()


# ---------------------------------------------------------------- what it changes


@pytest.fixture
def rig(tmp_path: Path, capsys: Capture) -> str:
    _, out, _ = run(capsys, "rig", "--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000", "--json")
    path = tmp_path / "rig.json"
    path.write_text(out, "utf-8")
    return str(path)


def test_commands_ask_what_is_set_unless_a_flag_says_otherwise(file: Path, capsys: Capture, rig: str) -> None:
    written(file, '[defaults]\nuse = "coding"\nkv_type = "q8_0"\ncontext = "16k"\n')
    question = json.loads(run(capsys, "rank", "--rig", rig, "--json", "--limit", "1")[1])["question"]
    assert (question["use"], question["kv_type"], question["context_tokens"]) == ("coding", "q8_0", 16_384)
    flags = ("--use", "rag", "--kv-type", "f16")
    question = json.loads(run(capsys, "rank", "--rig", rig, "--json", "--limit", "1", *flags)[1])["question"]
    assert (question["use"], question["kv_type"], question["context_tokens"]) == ("rag", "f16", 16_384)


def test_defaults_stand_for_options_that_were_not_given(file: Path) -> None:
    written(file, '[defaults]\nmin_speed = 5\nsort = "name"\nusers = 2\n')
    arguments = Namespace(command="rank", users=3)
    apply_defaults(arguments, load())
    assert (arguments.min_speed, arguments.sort, arguments.users) == (5.0, "name", 3)
    assert "use" not in arguments
    written(file, '[defaults]\nruntime = "ollama"\n')
    arguments = Namespace(command="upgrade")
    apply_defaults(arguments, load())
    assert "runtime" not in arguments, "upgrade searches for llama.cpp only"
    for flags in ({"users": 4}, {"kv_type": "iq4_nl"}):
        arguments = Namespace(command="rank", **flags)
        apply_defaults(arguments, load())
        Question(**{k: v for k, v in vars(arguments).items() if k != "command"})


def test_a_default_that_a_flag_rules_out_is_left_out(file: Path, capsys: Capture, rig: str) -> None:
    written(file, '[defaults]\nkv_type = "q5_1"\n')
    code, out, err = run(capsys, "rank", "--rig", rig, "--json", "--limit", "1", "--runtime", "ollama")
    assert (code, err) == (0, "")
    question = json.loads(out)["question"]
    assert (question["runtime"], question["kv_type"]) == ("ollama", "f16")
    assert "ollama" in RUNTIMES


def test_sizes_in_gb_reach_the_text_and_not_the_json(file: Path, capsys: Capture, rig: str) -> None:
    before = run(capsys, "explain", "qwen3 8b", "--rig", rig, "--json")[1]
    written(file, 'units = "GB"\n')
    assert run(capsys, "explain", "qwen3 8b", "--rig", rig, "--json")[1] == before
    for arguments in (
        ("rank", "--rig", rig, "--limit", "3"),
        ("rank", "--rig", rig, "--limit", "3", "--markdown"),
        ("explain", "qwen3 8b", "--rig", rig),
        ("explain", "deepseek r1", "--rig", rig),
        ("what-if", "--rig", rig, "--add-gpu", "RTX 3090"),
        ("topology", "--rig", rig),
        ("rig", "--gpu", "RTX 4090", "--ram", "2x32GB:DDR5-6000"),
        ("hardware", "rtx 4090"),
    ):
        _, out, _ = run(capsys, *arguments)
        assert " GB" in out
        assert "GiB" not in out, arguments
    assert "25.8 GB" in run(capsys, "rank", "--rig", rig, "--limit", "1")[1]


def test_the_unit_holds_within_its_block_only() -> None:
    with sizes_in(UNITS["GB"]):
        assert gib_unit(24 * 1024**3) == "25.8 GB"
        assert (unit(), titled("file GiB")) == ("GB", "file GB")
    assert gib_unit(24 * 1024**3) == "24.0 GiB"


def test_reading_the_settings_imports_nothing_heavy(file: Path) -> None:
    written(file, '[keys]\n"app.use" = "x"\n[defaults]\nusers = 2\n')
    script = "import sys; from advisor.settings import load; load(); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = {name.split(".")[0] for name in done.stdout.split()}
    assert not modules & {"textual", "rich", "numpy", "psutil", "platformdirs"}
