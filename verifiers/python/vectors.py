"""Prints what the verifier says of each of the shared vectors, as JSON."""

import importlib.util
import json
import pathlib

from posthorn_webhook import WebhookError, verify

folder = pathlib.Path(__file__).parent
has_ed25519 = importlib.util.find_spec("cryptography") is not None


def verdict(vector):
    if not has_ed25519 and any(secret.startswith("whpk_") for secret in vector["secrets"]):
        return "skipped"
    try:
        verify(vector["body"].encode(), vector["headers"], vector["secrets"], vector["signature"], now=vector["now"])
        return "valid"
    except WebhookError as error:
        return error.reason
    except ValueError:
        return "secret_invalid"


vectors = json.loads((folder.parent / "vectors.json").read_text(encoding="utf-8"))["vectors"]
print(json.dumps({vector["name"]: verdict(vector) for vector in vectors}))
