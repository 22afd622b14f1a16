"""Patterns of host names as Django's ALLOWED_HOSTS has them: a name, `.example.com` for it and all below, "*" for any."""

from __future__ import annotations

import re

# Top-level names that nobody can register below (RFC 6761, RFC 6762, and ICANN's .internal of 2024).
_OWN = ("localhost", "test", "example", "invalid", "local", "internal", "lan", "home", "corp", "intranet")
# The second level under a country's domain that is as open as a top level: .co.uk, .com.au, .or.jp
_OPEN = re.compile(r"(ac|asso|com?|edu|gen|gob?|gou?v|gv|id|info|ltd|me|mil|net?|nom|org?|plc|sch|web)\.[a-z]{2}")
# Names below which anybody gets one that points wherever they like, or that serves whatever they write: what the private
# part of the public suffix list is about. "~" stands for a region or a service, which may be there or not.
_SITES = """
    nip.io sslip.io xip.io duckdns.org dyndns.org no-ip.org hopto.org eu.org afraid.org ddns.net dynu.net mooo.com
    chickenkiller.com rbndr.us localtest.me lvh.me no-ip.com no-ip.biz noip.me zapto.org sytes.net servebeer.com
    dynv6.net freemyip.com ddnsfree.com loseyourip.com myftp.org homeip.net dyndns-home.com traefik.me vcap.me github.io
    githubusercontent.com github.dev app.github.dev githubpreview.dev gitlab.io bitbucket.io codeberg.page pages.dev
    workers.dev r2.dev cloudflare.net vercel.app vercel.dev now.sh netlify.app netlify.com surge.sh onrender.com fly.dev
    fly.io railway.app up.railway.app herokuapp.com herokussl.com koyeb.app northflank.app code.run cyclic.app deno.dev
    deno.net deta.app deta.dev glitch.me repl.co ~.repl.co replit.app replit.dev ~.replit.dev codesandbox.io csb.app
    stackblitz.io webcontainer.io gitpod.io ~.gitpod.io coder.app idx.dev ~.cloudworkstations.dev ngrok.io ~.ngrok.io
    ngrok.app ngrok.dev ngrok.pro ngrok-free.app ngrok-free.dev ngrok-free.pro loca.lt localtunnel.me lhr.life lhr.rocks
    localhost.run serveo.net trycloudflare.com cfargotunnel.com pagekite.me telebit.io tunnelmole.net pinggy.link
    pinggy.io bore.pub zrok.io devtunnels.ms ~.devtunnels.ms ts.net amazonaws.com ~.amazonaws.com amazonaws.com.cn
    ~.amazonaws.com.cn elasticbeanstalk.com ~.elasticbeanstalk.com cloudfront.net awsapprunner.com ~.awsapprunner.com
    amplifyapp.com on.aws ~.on.aws awsglobalaccelerator.com amazoncognito.com ~.amazoncognito.com appspot.com
    ~.appspot.com run.app ~.run.app web.app firebaseapp.com cloudfunctions.net googleusercontent.com
    ~.googleusercontent.com translate.goog hosted.app ~.hosted.app azurewebsites.net ~.azurewebsites.net
    azurestaticapps.net ~.azurestaticapps.net azurecontainerapps.io ~.azurecontainerapps.io azurecontainer.io
    ~.azurecontainer.io azure-api.net azureedge.net azurefd.net ~.azurefd.net cloudapp.net cloudapp.azure.com
    ~.cloudapp.azure.com trafficmanager.net windows.net ~.windows.net core.windows.net ~.core.windows.net
    visualstudio.com ondigitalocean.app digitaloceanspaces.com ~.digitaloceanspaces.com linodeobjects.com
    ~.linodeobjects.com linodeusercontent.com ~.linodeusercontent.com your-server.de hosting.ovh.net scalingo.io
    ~.scalingo.io cleverapps.io platformsh.site ~.platformsh.site platform.sh upsun.app ~.upsun.app pantheonsite.io
    wpengine.com wpenginepowered.com kinsta.cloud kinsta.app kinsta.page zeabur.app sevalla.app dokku.me caprover.com
    openshiftapps.com ~.openshiftapps.com appdomain.cloud ~.appdomain.cloud mybluemix.net oraclecloudapps.com
    oci.customer-oci.com ~.customer-oci.com code-engine.appdomain.cloud cfapps.io ondemand.com ~.ondemand.com
    pythonanywhere.com eu.pythonanywhere.com streamlit.app streamlitapp.com hf.space gradio.live gradio.app modal.run
    ploomber.app anvil.app supabase.co supabase.in nhost.run ~.nhost.run appwrite.network convex.site convex.cloud
    lovable.app bolt.host v0.app bubbleapps.io webflow.io framer.app framer.website softr.app carrd.co wixsite.com
    wixstudio.com weebly.com wordpress.com wpcomstaging.com blogspot.com tumblr.com neocities.org tiiny.site
    myshopify.com shopifypreview.com godaddysites.com jimdosite.com strikingly.com mystrikingly.com notion.site
    gitbook.io readthedocs.io rtfd.io readthedocs-hosted.com force.com ~.force.com salesforce-sites.com my.site.com
    sharepoint.com freeddns.org synology.me myqnapcloud.com dedyn.io
"""
_SHARED = frozenset(_SITES.split())
_REGIONS = re.compile(
    r"^(((us|eu|ap|sa|ca|me|af|il|mx|cn)(-[a-z]+){1,3}-[0-9]|(us|europe|asia|australia|northamerica|southamerica|me)-[a-z]+[0-9]"
    r"|(north|south|east|west|central|us|uk|europe|asia|australia|india|japan|korea|brazil|canada|france|germany|norway|sweden"
    r"|switzerland|uae|poland|italy|spain|mexico|israel|qatar)+[0-9]?(-[0-9]{2})?|eu|us|ap|au|sa|jp|in|ws-[a-z]+[0-9]*|z?[0-9]+"
    r"|a|([a-z]{2}\.)?r|elb|compute(-1)?|execute-api|lambda-url|s3(-[a-z0-9-]+)?|blob|web|file|static|usercontent|bc|site)\.)+"
)


def is_possible(host: str) -> bool:
    """Whether a host of that spelling can be: labels of at most 63 characters (RFC 1035 §2.3.4), and no number that is none.

    A name that ends in a number is an IPv4 address, as browsers read it (WHATWG URL, "ends in a number").
    """
    labels = host.split(".")
    if host.startswith("["):
        return True
    if len(host) > 253 or not all(0 < len(label) <= 63 for label in labels):
        return False
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return True
    return len(labels) == 4 and all(re.fullmatch(r"0|[1-9][0-9]{0,2}", n) and int(n) < 256 for n in labels)


def host_matches(host: str, pattern: str) -> bool:
    """Whether a host is the pattern, or below one that starts with a dot (Django's ALLOWED_HOSTS)."""
    pattern = pattern.lower()
    return pattern in ("*", host) or (pattern.startswith(".") and (host.endswith(pattern) or host == pattern[1:]))


def is_wide(pattern: str) -> bool:
    """Whether somebody else can register a host that the pattern matches: any, or all of a domain that sells names."""
    if not pattern.startswith("."):
        return pattern == "*"
    name = pattern.lower()[1:]
    if "." not in name:
        return name not in _OWN
    return name in _SHARED or f"~.{_REGIONS.sub('', name)}" in _SHARED or _OPEN.fullmatch(name) is not None
