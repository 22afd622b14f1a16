"""Names of hosts: which of them somebody else can get, and which none can be."""

import pytest

from wsauth.core.hosts import is_possible, is_wide

SHARED = """
    .github.io .gitlab.io .vercel.app .netlify.app .herokuapp.com .fly.dev .pages.dev .workers.dev .onrender.com
    .up.railway.app .ngrok.io .eu.ngrok.io .ngrok-free.app .trycloudflare.com .loca.lt .gitpod.io .ws-eu1.gitpod.io
    .app.github.dev .repl.co .glitch.me .surge.sh .deno.dev .amazonaws.com .eu-west-1.elb.amazonaws.com
    .s3.eu-west-1.amazonaws.com .compute-1.amazonaws.com .execute-api.us-east-1.amazonaws.com .elasticbeanstalk.com
    .us-east-1.elasticbeanstalk.com .cloudfront.net .amplifyapp.com .lambda-url.eu-central-1.on.aws .appspot.com
    .uc.r.appspot.com .run.app .a.run.app .europe-west1.run.app .web.app .firebaseapp.com .azurewebsites.net
    .westeurope-01.azurewebsites.net .2.azurestaticapps.net .cloudapp.azure.com .westeurope.cloudapp.azure.com
    .z6.web.core.windows.net .ondigitalocean.app .pythonanywhere.com .streamlit.app .hf.space .nip.io .duckdns.org
    .myshopify.com .blogspot.com .ts.net .GitHub.IO
"""
OWN = """
    .example.com .app.example.co.uk .example.app .example.io .me.github.io .myapp.herokuapp.com .proj-1.vercel.app
    .myapp.fly.dev .my.ngrok.io .name.ngrok-free.app .my-lb-1.eu-west-1.elb.amazonaws.com .proj.appspot.com
    .svc-abc123-uc.a.run.app .myapp.azurewebsites.net .sub.me.workers.dev .corp.internal .internal .localhost .notgithub.io
    github.io
"""


@pytest.mark.parametrize("pattern", SHARED.split())
def test_suffix_below_which_anybody_gets_a_name_is_wide(pattern: str) -> None:
    """The page of a stranger is served there, or a name that points at this server."""
    assert is_wide(pattern)


@pytest.mark.parametrize("pattern", OWN.split())
def test_suffix_of_one_owner_is_not(pattern: str) -> None:
    """Also that of one customer of a hoster."""
    assert not is_wide(pattern)


@pytest.mark.parametrize(
    "host", ["1.2.3.4", "example.com", "localhost", "3com.com", "1.2.3.4.nip.io", "a_b.c", "[::1]"]
)
def test_host_that_can_be(host: str) -> None:
    """Names, and addresses as they are written."""
    assert is_possible(host)


@pytest.mark.parametrize(
    "host", ["1.2.3.4.5", "1.2.3", "01.2.3.4", "256.1.1.1", "a.1", "0x7f.1", "2130706433", "a" * 64, "a." * 127]
)
def test_host_that_cannot_be(host: str) -> None:
    """What ends in a number is an address, or nothing."""
    assert not is_possible(host)
