"""What proves an identity: JSON Web Tokens, with keys of one's own or from a JWK Set URL.

No framework. Nothing is imported here, so that each verifier's library is needed only by those who use it.
"""
