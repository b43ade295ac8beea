import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.paths import OPEN, ROUTES, Match, match, openapi

NS = "/namespaces/{namespace}"
HC = f"{NS}/hybridConnections/{{name}}"
ARM = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Relay"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/healthz", Match("/healthz")),
        ("/status", Match("/status")),
        ("/namespaces", Match("/namespaces")),
        ("/namespaces/", Match("/namespaces")),
        ("/namespaces/contoso", Match(NS, "contoso")),
        ("/NameSpaces/Contoso/", Match(NS, "Contoso")),
        ("/namespaces/n/hybridConnections", Match(f"{NS}/hybridConnections", "n")),
        ("/namespaces/n/HYBRIDCONNECTIONS/Hyco", Match(HC, "n", "Hyco")),
        ("/namespaces/n/hybridConnections/a/b/c", Match(HC, "n", "a/b/c")),
        ("/namespaces/n/hybridConnections/a%2Fb", Match(HC, "n", "a/b")),
        ("/namespaces/n/authorizationRules", Match(f"{NS}/authorizationRules", "n")),
        ("/namespaces/n/authorizationrules/R", Match(f"{NS}/authorizationRules/{{rule}}", "n", None, "R")),
        (
            "/namespaces/n/authorizationRules/R/LISTKEYS",
            Match(f"{NS}/authorizationRules/{{rule}}/listKeys", "n", None, "R"),
        ),
        (
            "/namespaces/n/hybridConnections/a/b/authorizationRules",
            Match(f"{HC}/authorizationRules", "n", "a/b"),
        ),
        (
            "/namespaces/n/hybridConnections/a/b/authorizationRules/R",
            Match(f"{HC}/authorizationRules/{{rule}}", "n", "a/b", "R"),
        ),
        (
            "/namespaces/n/hybridConnections/a/b/authorizationRules/R/regenerateKeys",
            Match(f"{HC}/authorizationRules/{{rule}}/regenerateKeys", "n", "a/b", "R"),
        ),
        # a name that looks like something else
        ("/namespaces/n/hybridConnections/authorizationRules", Match(HC, "n", "authorizationRules")),
        (
            "/namespaces/n/hybridConnections/authorizationRules/R",
            Match(HC, "n", "authorizationRules/R"),
        ),
        (
            "/namespaces/n/hybridConnections/a/authorizationRules/R/other",
            Match(HC, "n", "a/authorizationRules/R/other"),
        ),
        (
            "/namespaces/n/hybridConnections/a%2FauthorizationRules/R",
            Match(HC, "n", "a/authorizationRules/R"),
        ),
        (
            "/namespaces/n/hybridConnections/a/authorizationRules/x/authorizationRules/R",
            Match(f"{HC}/authorizationRules/{{rule}}", "n", "a/authorizationRules/x", "R"),
        ),
        (f"{ARM}/namespaces", Match("/namespaces", prefix=ARM)),
        (f"{ARM}/namespaces/n/hybridConnections/a", Match(HC, "n", "a", prefix=ARM)),
        (f"{ARM.upper()}/namespaces/n", Match(NS, "n", prefix=ARM.upper())),
    ],
)
def test_paths_mean(path: str, expected: Match) -> None:
    assert match(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/other",
        "/namespaces//",
        "/namespaces/n/other",
        "/namespaces/n/authorizationRules/R/other",
        "/namespaces/n/authorizationRules/R/listKeys/x",
        "/namespaces/n//hybridConnections",
        "/healthz/x",
        "/HEALTHZ",
        "/namespaces/n/hybridConnections/a//b",
        "/subscriptions/S/providers/Microsoft.Relay/namespaces",
        ARM,
        f"{ARM}/healthz",
        "/namespaces/n/authorizationRules//listKeys",
    ],
)
def test_other_paths_mean_nothing(path: str) -> None:
    assert match(path) is None


@given(st.text(alphabet=st.sampled_from("/abn%2F.") | st.characters(), max_size=80))
def test_reading_a_path_is_total(path: str) -> None:
    for prefix in (
        "",
        "/namespaces",
        "/namespaces/n/hybridConnections/",
        f"{ARM}/namespaces/n/authorizationRules",
    ):
        found = match(prefix + path)
        assert found is None or found.template in ROUTES or found.template in OPEN


def test_the_list_has_every_route_and_says_which_need_a_token() -> None:
    document = openapi("1")
    assert document["paths"].keys() == {*OPEN, *ROUTES}
    assert document["security"] == [{"token": []}]
    is_open = {
        path
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and operation.get("security") == []
    }
    assert is_open == {"/healthz", "/readyz"}
    item = document["paths"][f"{HC}/authorizationRules/{{rule}}/listKeys"]
    assert [parameter["name"] for parameter in item["parameters"]] == ["namespace", "name", "rule"]
    assert "post" in item
