"""Verifies webhooks: Standard Webhooks, or the signature rules of another contract. One file, to copy.

    verify(request.get_data(), request.headers, os.environ["WEBHOOK_SECRET"])
"""

import base64
import binascii
import hashlib
import hmac
import re
import time

STANDARD = {"scheme": "standard-webhooks"}
# Nobody signs with so many secrets at a time: a longer list is there to keep the processor busy.
SIGNATURES_MAX = 20


class WebhookError(Exception):
    """A request is not to be trusted: answer 400. `reason` is one of header_missing, header_malformed,
    timestamp_too_old, timestamp_too_new, signature_mismatch."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def verify(body, headers, secrets, signature=STANDARD, tolerance=300, now=None):
    """Returns nothing when the request verifies.

    body: bytes, as they arrived. headers: a mapping. secrets: one, or a list of them during a rotation.
    signature: of the contract. tolerance, now: in seconds.
    Raises WebhookError, and ValueError for a secret that is none of the contract.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError("give the body as bytes, as it arrived: not parsed, not written again")
    given = {name.lower(): value for name, value in headers.items()}
    keys = [_key(secret, signature) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    content, signatures, at = _read(bytes(body), given, signature)
    if at is not None:
        age = (time.time() if now is None else now) - at
        if age > tolerance:
            raise WebhookError("timestamp_too_old", f"the request was signed {round(age)} s ago")
        if age < -tolerance:
            raise WebhookError("timestamp_too_new", f"the request was signed {round(-age)} s in the future")
    for kind, value in signatures[:SIGNATURES_MAX]:
        for key_kind, key in keys:
            if kind == key_kind and _fits(kind, key, content, value, signature):
                return
    raise WebhookError("signature_mismatch", "another secret, or not byte for byte the body that arrived")


def _read(body, headers, rules):
    scheme = rules["scheme"]
    if scheme == "standard-webhooks":
        header = rules.get("header", "webhook-signature")
        # svix-id goes with svix-signature.
        prefix = header[: -len("signature")]
        message_id = _required(headers, prefix + "id")
        timestamp = _required(headers, prefix + "timestamp")
        at = _seconds(timestamp, prefix + "timestamp")
        signatures = []
        for entry in _required(headers, header).split(" "):
            version, _, text = entry.partition(",")
            value = _decode(text, "base64")
            if value is not None and version in ("v1", "v1a"):
                signatures.append(("hmac" if version == "v1" else "ed25519", value))
        if not signatures:
            raise _malformed(header)
        return f"{message_id}.{timestamp}.".encode() + body, signatures, at
    header = rules["header"]
    given = _required(headers, header).strip()
    if scheme == "hmac":
        prefix = rules.get("prefix", "")
        value = _decode(given[len(prefix) :], rules["encoding"]) if given.startswith(prefix) else None
        if value is None:
            raise _malformed(header)
        return body, [("hmac", value)], None
    if scheme == "timestamped-hmac":
        entries = [entry.strip() for entry in given.split(",")]
        timestamp = next((entry[2:] for entry in entries if entry.startswith("t=")), "")
        version = rules.get("version", "v1") + "="
        values = [_decode(entry[3:], rules["encoding"]) for entry in entries if entry.startswith(version)]
        signatures = [("hmac", value) for value in values if value is not None]
        if not signatures:
            raise _malformed(header)
        return f"{timestamp}.".encode() + body, signatures, _seconds(timestamp, header)
    raise ValueError("this contract does not sign")


def _key(secret, rules):
    if rules["scheme"] == "standard-webhooks":
        kind = "ed25519" if secret.startswith("whpk_") else "hmac"
        value = _decode_secret(secret[len("whpk_" if kind == "ed25519" else "whsec_") :], "base64")
        if not value or not secret.startswith(("whsec_", "whpk_")):
            raise ValueError("a secret is whsec_ or whpk_ and base64")
        return kind, value
    prefix = rules["secret"].get("prefix", "")
    # Anybody can sign with an empty secret.
    value = _decode_secret(secret[len(prefix) :], rules["secret"]["encoding"]) if secret.startswith(prefix) else None
    if secret.startswith(prefix) and rules["secret"]["key"] == "text":
        value = secret.encode()
    if not value:
        raise ValueError(f"a secret of this contract is {prefix!r} and {rules['secret']['encoding']}")
    return "hmac", value


def _fits(kind, key, content, value, rules):
    if kind == "ed25519":
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(key).verify(value, content)
            return True
        except InvalidSignature:
            return False
    expected = hmac.new(key, content, getattr(hashlib, rules.get("hash", "sha256"))).digest()
    return hmac.compare_digest(expected, value)


def _required(headers, name):
    value = headers.get(name.lower())
    if not value:
        raise WebhookError("header_missing", f"the request has no header {name}")
    return value


def _seconds(text, header):
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise _malformed(header)
    return int(text)


def _malformed(header):
    return WebhookError("header_malformed", f"the header {header} cannot be read")


def _decode_secret(text, encoding):
    """The padding of base64 may be left out."""
    return _decode(text + "=" * (-len(text) % 4) if encoding == "base64" else text, encoding)


def _decode(text, encoding):
    try:
        if encoding == "hex":
            return bytes.fromhex(text) if re.fullmatch(r"([0-9a-fA-F]{2})*", text) else None
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
