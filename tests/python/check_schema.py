"""Checks a JSON Schema by using it. Reads {"schema", "valid": [...], "invalid": [...]} from standard input, writes a list
of what is wrong, an empty one if nothing is."""

import json
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError


def main():
    asked = json.load(sys.stdin)
    try:
        Draft202012Validator.check_schema(asked["schema"])
    except SchemaError as error:
        return [f"not a schema: {error.message}"]
    validator = Draft202012Validator(asked["schema"])
    wrong = [f"refuses {instance}: {error.message}"
             for instance in asked["valid"] for error in validator.iter_errors(instance)]
    return wrong + [f"accepts {instance}" for instance in asked["invalid"] if validator.is_valid(instance)]


json.dump(main(), sys.stdout)
