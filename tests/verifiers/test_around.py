"""A verifier around another one says of itself what that one says."""

from types import SimpleNamespace

from wsauth.verifiers.around import Around


class Shell(Around):
    def __init__(self, inner: object) -> None:
        self._inner = inner  # type: ignore[assignment]


def test_what_the_inner_one_says_is_said():
    """Whoever asks a verifier does not see that there are two."""
    inner = SimpleNamespace(stateful=True, issuers=frozenset({"a"}), bearer_format="JWT")
    shell = Shell(inner)
    assert (shell.stateful, shell.issuers, shell.bearer_format) == (True, frozenset({"a"}), "JWT")


def test_what_the_inner_one_does_not_say_is_not_said():
    """A function of the application's own says nothing of itself."""
    shell = Shell(object())
    assert (shell.stateful, shell.issuers, shell.bearer_format) == (False, None, None)
