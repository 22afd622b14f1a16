"""The headers that a proxy adds to the handshake of every page that a logged-in browser opens: as ambient as a cookie.

The proxy knows its user by its own cookie, by a client certificate or by the network, and cannot tell whose page asks. So a
policy treats these headers as it treats cookies: they count only under an allowed Origin (CSWSH).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

# Lower case, "-" for "_" too, "*" for any rest. A header that a proxy makes of something else is named by `ambient=True`.
AMBIENT_HEADERS = (
    # Cloudflare Access, Google IAP, AWS load balancers and Verified Access, Azure App Service and Container Apps
    "cf-access-*",
    "x-goog-iap-*",
    "x-goog-authenticated-user-*",
    "x-amzn-oidc-*",
    "x-amzn-ava-*",
    "x-ms-client-principal*",
    "x-ms-token-*",
    # oauth2-proxy, Traefik's ForwardAuth, vouch, Pomerium, Authelia, authentik, Tailscale, Teleport, the proxies of Grafana
    # and Keycloak, Kong, APISIX, WebSEAL, SiteMinder, Snowflake
    "x-auth-request-*",
    "x-forwarded-user*",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-id-token",
    "x-vouch-*",
    "x-pomerium-*",
    "x-authelia-*",
    "x-authentik-*",
    "tailscale-*",
    "x-tailscale-*",
    "teleport-*",
    "x-webauth-*",
    "x-auth-user*",
    "x-auth-subject",
    "x-auth-email",
    "x-auth-roles",
    "x-auth-groups",
    "x-consumer-*",
    "x-credential-*",
    "x-authenticated-*",
    "x-userinfo",
    "iv-*",
    "sm-*",
    "sf-context-*",
    # Apache and nginx in front of Kerberos, LDAP, SAML, OpenID Connect and Shibboleth
    "remote-*",
    "x-remote-*",
    "x-proxy-user*",
    "x-proxy-remote-user",
    "auth-user",
    "oidc-*",
    "x-oidc-*",
    "mellon-*",
    "shib-*",
    "x-shib-*",
    "eppn",
    # Names of a user, which no client can prove and which somebody in between must have put there
    "x-user",
    "x-user-id",
    "x-user-email",
    "x-user-name",
    "x-username",
    # TLS client certificates, which browsers present by themselves (RFC 9440, Envoy, Traefik, nginx, HAProxy, AWS, Azure)
    "client-cert*",
    "x-client-cert*",
    "x-client-dn",
    "x-client-verify",
    "x-client-s-dn",
    "x-client-subject*",
    "x-forwarded-client-cert*",
    "x-forwarded-tls-client-cert*",
    "x-tls-client-*",
    "ssl-client-*",
    "x-ssl-*",
    "x-amzn-mtls-*",
    "x-arr-clientcert",
    "x-mtls-*",
    "ms-aspnetcore-*",
    "cf-client-cert-*",
)


def is_ambient_header(name: str) -> bool:
    """Whether a header of that name is one of those above; names have no case (RFC 9110 §5.1)."""
    plain = name.lower().replace("_", "-")
    return any(fnmatchcase(plain, pattern) for pattern in AMBIENT_HEADERS)
