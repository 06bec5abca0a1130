"""The settings file: what stands in it is taken, what is wrong with it is one sentence."""

from dataclasses import fields
from pathlib import Path

import pytest

from vrabec.config.every_setting import every_setting, settings_file
from vrabec.config.files import Config, database_settings, read_config
from vrabec.lib.errors import Invalid


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "vrabec.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_config(tmp_path / "none.toml") == Config()


def test_what_stands_in_the_file_is_taken(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, 'port = 9443\nnames = ["cloud.example.org"]\n'))
    assert (config.port, config.names) == (9443, ("cloud.example.org",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "there is no setting prot."),
        ('port = "8443"', "port must be a whole number."),
        ("port = true", "port must be a whole number."),
        ("data_dir = 1", "data_dir must be a text."),
        ('names = "x"', "names must be a list of texts."),
        ("port =", "is not valid TOML"),
        ('syslog = "loghost"', "syslog must be tls://, tcp:// or udp:// and name:port, or a socket"),
        ('mail_security = "ssl"', "mail_security must be one of starttls, tls, none"),
        ('mail_server = "smtp"', "mail_server needs mail_from, too: an address such as"),
        ('mail_server = "smtp"\nmail_from = "vrabec"', "mail_server needs mail_from, too"),
        ('syslog = "tls://loghost/x"', "syslog must be tls://, tcp:// or udp://"),
        ('syslog = "tls://loghost:many"', "syslog must be tls://, tcp:// or udp://"),
        ('public_url = "http://cloud.example.org"', "public_url must be https://, a name"),
        ('public_url = "https://cloud.example.org/vrabec"', "and nothing behind it"),
        ('trusted_proxies = ["proxy"]', "trusted_proxies has proxy, which is no address or network"),
        (
            'metrics_from = ["10.0.0.1/8"]',
            "10.0.0.1/8, which is no address or network",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Invalid) as caught:
        read_config(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read_config(tmp_path)


def test_a_database_is_sqlite_in_the_data_directory() -> None:
    assert database_settings(Config(data_dir="/data"))["NAME"] == "/data/vrabec.sqlite3"


def test_a_postgresql_url_is_taken_apart() -> None:
    found = database_settings(Config(database="postgresql://u%40x:p%2Fw@[::1]:5433/cloud"))
    wanted = {"NAME": "cloud", "USER": "u@x", "PASSWORD": "p/w", "HOST": "::1", "PORT": "5433"}
    assert {name: found[name] for name in wanted} == wanted


def test_another_database_is_refused() -> None:
    with pytest.raises(Invalid, match="postgresql://"):
        database_settings(Config(database="mysql://host/name"))


def test_every_setting_says_what_it_means() -> None:
    assert [setting.name for setting in every_setting()] == [field.name for field in fields(Config)]
    assert [setting.name for setting in every_setting() if not setting.meaning.endswith(".")] == []


def test_the_commented_file_is_the_defaults(tmp_path: Path) -> None:
    text = settings_file(Config())
    assert read_config(written(tmp_path, text)) == Config()
    without_signs = "\n".join(
        line.removeprefix("#") for line in text.splitlines() if not line.startswith("# ")
    )
    assert read_config(written(tmp_path, without_signs)) == Config()


def test_what_is_set_stands_in_the_commented_file(tmp_path: Path) -> None:
    config = Config(port=9443, names=("a.example", 'b"\\'), data_dir="/srv/ä")
    assert read_config(written(tmp_path, settings_file(config))) == config
