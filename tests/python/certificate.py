"""Makes a certificate authority and a certificate for localhost and for names below test.invalid. Arguments: files for
the authority's certificate, for the certificate and for its key."""

import sys
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(name, key, issuer, issuer_key, authority):
    names = [x509.DNSName("localhost"), x509.DNSName("*.test.invalid"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
files = [
    certificate("Test Authority", authority_key, "Test Authority", authority_key, True),
    certificate("localhost", key, "Test Authority", authority_key, False),
    private,
]
for path, content in zip(sys.argv[1:], files):
    with open(path, "wb") as file:
        file.write(content)
