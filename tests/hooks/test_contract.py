"""What is said of a module that does not load, and what one may raise."""

import pytest

from tlswitness.hooks import HookLoadFailed, Retry


def test_a_module_that_does_not_load_is_named_with_its_reason():
    assert str(HookLoadFailed("mine", "a.py", "there is none")) == "hook 'mine' is not loaded: a.py: there is none"


def test_a_retry_may_say_when():
    with pytest.raises(Retry) as raised:
        raise Retry("busy", after=5.0)
    assert raised.value.after == 5.0
    assert Retry().after is None
