from pathlib import Path

from tlswitness.config import Endpoint, Loaded, parse_config
from tlswitness.service.configure import service_settings


def settings(text, **more):
    return service_settings(Loaded(parse_config(text, files=False), Path("tlswitness.toml"), **more))


def test_defaults():
    made = settings('state_dir = "/s"')
    assert (made.state_dir, made.hooks, made.socket) == (Path("/s"), Path("/s/hooks"), Path("/s/status.sock"))
    assert made.journal.directory == Path("/s/journal")
    assert made.metrics == Endpoint("127.0.0.1", 9815)
    assert (made.drain, made.modules, made.warnings) == (10, (), ())
    assert made.file is not None
    assert made.file.is_absolute()


def test_options():
    made = settings(
        'state_dir = "/s"\n[serve]\nmetrics = ""\nstatus_socket = "/run/x"\ndrain = 3\n'
        '[journal]\ndirectory = "/j"\n[[hook]]\npython = "a.b"',
        warnings=("old",),
    )
    assert (made.metrics, made.socket, made.drain) == (None, Path("/run/x"), 3)
    assert made.journal.directory == Path("/j")
    assert [module.name for module in made.modules] == ["a.b"]
    assert made.warnings == ("old",)


def test_hooks_that_hear_nothing_are_warned_of():
    (warning,) = settings("[journal]\nenabled = false\n[[hook]]\npython = 'a'").warnings
    assert "`journal.enabled` is false" in warning
    assert settings("[journal]\nenabled = false").warnings == ()
