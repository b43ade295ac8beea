from hyco.errors import (
    HycoError,
    InvalidAddressError,
    InvalidConnectionStringError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    TokenError,
    TokenReason,
)


def test_one_except_catches_everything_this_package_raises():
    for error in (
        InvalidAddressError("x"),
        InvalidConnectionStringError("x"),
        TokenError(TokenReason.MALFORMED, "x"),
        LocalProtocolError("x"),
        RemoteProtocolError("x"),
    ):
        assert isinstance(error, HycoError)
        assert str(error) == "x"


def test_our_bugs_and_the_peers_faults_are_told_apart():
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)


def test_errors_carry_what_handlers_need():
    assert TokenError(TokenReason.EXPIRED, "x").reason is TokenReason.EXPIRED
    assert InvalidConnectionStringError("x", "Endpoint").key == "Endpoint"
    assert InvalidConnectionStringError("x").key is None
    assert RemoteProtocolError("x").close_code == 1002
    assert RemoteProtocolError("x", 1009).close_code == 1009
