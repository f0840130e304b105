"""Signs tokens that a registry verifies: JWTs (RFC 7519), each with its signer's certificate."""

import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

ISSUER = "token-server.test"
LIFETIME = 300
"""Seconds that a token is good for."""


class TokenSigner:
    """Has a key, and a certificate for it by an authority that a registry can be told to trust."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert(ISSUER)
        key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        self._key = key
        leaf = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
        self._header = {
            "typ": "JWT",
            "alg": "ES256",
            "x5c": [base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()],
        }
        self.authority_file = folder / "token-authority.pem"
        authority.cert_pem.write_to_path(str(self.authority_file))

    def sign(self, *, audience: str, access: Sequence[Mapping[str, Any]], age: float = 0.0) -> str:
        """Return a token for this access, issued so many seconds ago."""
        issued = int(time.time() - age)
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": audience,
            "iat": issued,
            "nbf": issued - 10,
            "exp": issued + LIFETIME,
            "jti": uuid.uuid4().hex,
            "access": list(access),
        }
        signed = f"{_encode(json.dumps(self._header).encode())}.{_encode(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ECDSA(SHA256())))
        # RFC 7518 3.4: both numbers, 32 bytes each.
        return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
