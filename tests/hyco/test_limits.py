from hyco import limits


def test_azures_figures_are_azures():
    """Protocol reference §9.2 and §11: these are promises to other people's clients."""
    assert limits.MAX_LISTENERS == 25
    assert limits.MAX_CONTROL_BODY_BYTES == 64 * 1024
    assert limits.MAX_HEADER_BYTES == 32 * 1024
    assert limits.RENDEZVOUS_VALIDITY_S == 30
    assert limits.RESPONSE_TIMEOUT_S == limits.BODY_IDLE_TIMEOUT_S == 60
    assert limits.MAX_NAME_LENGTH == 260
    assert limits.MAX_RULES == 12


def test_a_control_message_stays_under_the_buffer_of_dotnet():
    assert limits.MAX_CONTROL_MESSAGE_BYTES < 65_536


def test_a_listener_that_uses_its_whole_time_still_finds_its_address_valid():
    assert limits.ACCEPT_CONNECT_TIMEOUT_S < limits.RENDEZVOUS_VALIDITY_S


def test_a_sender_waits_longer_than_its_listener_may_take():
    assert limits.CONNECT_TIMEOUT_S > limits.RENDEZVOUS_VALIDITY_S + limits.ACCEPT_CONNECT_TIMEOUT_S


def test_a_token_in_the_query_fits_beside_the_longest_name():
    percent_encoded_name = 3 * limits.MAX_NAME_LENGTH
    assert percent_encoded_name + 8_192 < limits.MAX_TARGET_BYTES
