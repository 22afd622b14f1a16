"""Headers that a proxy adds for every page are as ambient as a cookie, by their names or by what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from core.handshakes import handshake_of
from wsauth.core.ambient import AMBIENT_HEADERS, is_ambient_header
from wsauth.core.credentials import Credentials
from wsauth.core.decision import Allow, Deny
from wsauth.core.errors import ConfigurationError
from wsauth.core.identity import Identity
from wsauth.core.locations import Header, Query
from wsauth.core.origins import AnyOrigin, Origins, SameHost, SameHostOrAbsent
from wsauth.core.reasons import Reason
from wsauth.core.scheme import SecurityScheme
from wsauth.policy import Policy

OF_PROXIES = [
    "Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "X-Goog-IAP-JWT-Assertion",
    "X-Goog-Authenticated-User-Email", "x-amzn-oidc-data", "x-amzn-oidc-identity", "X-Auth-Request-User",
    "X-Auth-Request-Access-Token", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token", "X-MS-CLIENT-PRINCIPAL", "X-MS-CLIENT-PRINCIPAL-ID", "X-MS-TOKEN-AAD-ID-TOKEN",
    "Tailscale-User-Login", "Remote-User", "REMOTE_USER", "Remote-Groups", "X-Remote-User", "X-authentik-username",
    "X-Pomerium-Jwt-Assertion", "X-Vouch-User", "X-WEBAUTH-USER", "OIDC_CLAIM_sub", "Shib-Session-ID", "X-Userinfo",
    "X-Consumer-Username", "X-User", "X-User-Id", "Client-Cert", "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info", "X-SSL-Client-Cert", "X-SSL-Client-S-DN", "Ssl-Client-Subject-Dn",
    "X-Client-Cert", "X-Amzn-Mtls-Clientcert-Subject", "X-ARR-ClientCert", "X-Endpoint-API-UserInfo",
    "X-Apigateway-Api-Userinfo", "X-JWT-Assertion", "X-Okta-User", "X-Saml-User", "X-Email", "X-Forwarded-Roles",
    "X-Forwarded-Login", "X-Authelia", "X-Nginx-User", "X-Zitadel-User", "Istio-User", "X-Jwt-Payload", "X-Hasura-User-Id",
    "X-Sub", "X-Principal", "X-Identity", "X-Kerberos-User", "X-Krb-User", "X-LDAP-User", "X-Requested-User", "X-Login",
    "X-Logged-In-User", "X-Gateway-User", "X-Account", "X-Cert", "X-AppEngine-User-Email", "X-SSO-User", "SM_USER", "SMUSER",
    "X-IIS-WindowsAuthToken", "LOGON_USER", "X-Replit-User-Id", "X-WebAuth-Login", "X-UPN", "X-Roles",
]  # fmt: skip
OF_CLIENTS = [
    "Authorization",
    "X-API-Key",
    "X-Auth-Token",
    "X-Access-Token",
    "X-User-Token",
    "X-Device-Key",
    "X-CSRFToken",
    "X-JWT",
    "X-JWT-Token",
    "X-Id-Token",
    "X-Forwarded-Authorization",
    "X-Hasura-Admin-Secret",
    "X-Account-Key",
    "X-Client-Secret",
    "X-Amz-Security-Token",
    "X-Ticket",
    "Api-Key",
    "Ocp-Apim-Subscription-Key",
]
OF_NOBODY = [
    "X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "CF-Connecting-IPv6", "True-Client-IP", "X-Client-IP", "Client-IP",
    "Fastly-Client-IP", "X-Cluster-Client-IP", "X-Original-Forwarded-For", "X-Envoy-External-Address", "X-Azure-ClientIP",
    "Remote-Addr", "REMOTE_ADDR", "X-Remote-Addr", "Forwarded", "Via", "Host", "X-Forwarded-Host", "X-Forwarded-Proto",
    "Origin", "Referer", "User-Agent", "Accept-Language", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
    "Sec-Fetch-Site", "Sec-CH-UA", "Connection", "Upgrade", "Cache-Control", "X-Requested-With", "X-Request-ID",
    "Traceparent", "X-Amzn-Trace-Id", "CF-Ray", "CF-IPCountry", "Proxy-Authorization",
]  # fmt: skip


async def verify(credentials: Credentials) -> Identity | None:
    return Identity(credentials.secret)


def policy(location: Any, **terms: Any) -> Policy:
    return Policy([SecurityScheme("proxy", location, verify)], **terms)


@pytest.mark.parametrize("name", OF_PROXIES)
def test_what_a_proxy_adds_for_every_page_is_ambient(name):
    """In whatever case, with hyphens or underscores."""
    for spelling in (name, name.upper(), name.lower(), name.replace("-", "_")):
        assert is_ambient_header(spelling), spelling
        assert Header(spelling).ambient


@pytest.mark.parametrize("name", OF_CLIENTS)
def test_what_clients_send_themselves_is_not(name):
    """Unless it is said of one that a proxy adds it."""
    assert not Header(name).ambient
    assert Header(name, ambient=True).ambient
    assert Header(name, ambient=True) == Header(name)  # one place, which two schemes cannot share


@pytest.mark.parametrize("name", OF_NOBODY)
def test_what_names_nobody_is_no_credential(name):
    """An address, a program or a page: it is refused where it is written, with the place where it can be looked at."""
    for spelling in (name, name.upper(), name.replace("-", "_")):
        with pytest.raises(ConfigurationError, match=r"who somebody is.*handshake\.header"):
            Header(spelling)
    with pytest.raises(ConfigurationError, match="who somebody is"):
        Header(name, ambient=True)


@pytest.mark.parametrize("ambient", ["yes", 1, None])
def test_what_is_neither_true_nor_false_is_refused(ambient):
    """Nobody knows what it would mean."""
    with pytest.raises(ConfigurationError, match="write ambient=True"):
        Header("X-Key", ambient=ambient)


@pytest.mark.parametrize("location", [Header("Remote-User"), Header(ambient=True)])
def test_any_origin_is_refused_as_for_cookies(location):
    """Any site could open the socket as whoever visits it."""
    with pytest.raises(ConfigurationError, match=r"AnyOrigin\(\)\) with proxy.* write origins=Origins"):
        policy(location, origins=AnyOrigin())


@pytest.mark.parametrize("location", [Header("X-Forwarded-User"), Header("X-Key", ambient=True)])
async def test_it_counts_where_a_cookie_would(location):
    """Under an allowed Origin alone; the log says why it was not read, and not what it held."""
    mine, other, none = [("Origin", "https://a.example")], [("Origin", "https://evil.example")], list[Any]()
    ruled = policy(location, origins=Origins("https://a.example"))
    line = (location.name, "alice")
    found = await ruled.decide(handshake_of(line, *mine))
    assert isinstance(found, Allow)
    assert found.identity.subject == "alice"
    assert await ruled.decide(handshake_of(line, *other)) == Deny(Reason.FOREIGN_ORIGIN)
    absent = await ruled.decide(handshake_of(line, *none))
    assert isinstance(absent, Deny)
    assert absent.reason is Reason.MISSING
    assert absent.detail == "proxy: not read without an Origin, since a proxy adds it for every page"
    assert isinstance(await policy(location, origins=SameHostOrAbsent()).decide(handshake_of(line)), Allow)


async def test_what_the_client_sends_itself_comes_first():
    """The proxy adds its header to a handshake with a token as well; that is no conflict."""
    both = Policy(
        [SecurityScheme("proxy", Header("Remote-User"), verify), SecurityScheme("token", Query(), verify)],
        origins=Origins("https://a.example"),
    )
    found = await both.decide(
        handshake_of(("Remote-User", "alice"), ("Origin", "https://a.example"), query="token=bob")
    )
    assert isinstance(found, Allow)
    assert found.identity.subject == "bob"


def test_the_names_are_written_as_they_are_compared():
    """Lower case, with hyphens, each once."""
    assert len(set(AMBIENT_HEADERS)) == len(AMBIENT_HEADERS)
    assert all(name == name.lower().replace("_", "-") for name in AMBIENT_HEADERS)


@pytest.mark.parametrize(
    "hosts", [["*"], [".com"], ["app.example.com", "*"], [".co.uk"], [".com.au"], [".nip.io"], {".DEV"}]
)
@pytest.mark.parametrize("rule", [SameHost, SameHostOrAbsent])
def test_hosts_that_anybody_can_register_do_not_go_with_cookies(rule, hosts):
    """DNS rebinding: Host and Origin are then whatever somebody's name server says."""
    with pytest.raises(
        ConfigurationError, match=rf'anybody can register.* write .*{rule.__name__}\(\["app.example.com"'
    ):
        policy(Header("Remote-User"), origins=rule(hosts))
    policy(Query(), origins=rule(hosts))


@pytest.mark.parametrize(
    "hosts", [None, ["localhost"], [".example.com"], [".localhost"], [".internal"], [".example.co.uk"]]
)
def test_names_of_ones_own_go_with_cookies(hosts):
    """And so does the default, which the checks find where it is one."""
    policy(Header("Remote-User"), origins=SameHost(hosts))
